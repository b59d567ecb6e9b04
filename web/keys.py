"""One's own API keys: what they are used for, new ones within one's rights, and the way to take them back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from apikeys import issuing, rights
from apikeys.issuing import IssuedKey
from apikeys.models import ApiKey, KeyState, Scope, client_scopes
from apikeys.rights import Rights
from usage.selectors import requests_of_day
from webhooks.registered import endpoint_counts

from .access import logged_in, needs
from .parts import whole_or_part

CREATE = "apikeys.add_own_apikey"
_MOST = 2**31 - 1
_DAYS = (("30", _("30 days")), ("90", _("90 days")), ("365", _("1 year")), ("", _("Never")))


@dataclass(frozen=True, slots=True)
class ShownKey:
    """`allows`: of its scopes those that its owner still holds."""

    key: ApiKey
    state: KeyState
    allows: tuple[str, ...]
    requests_today: int
    webhooks: int


class KeyForm(forms.Form):
    """Offers what the user may give; that nothing else comes through is seen to where the key is made."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Who or what will use the key, such as “reports”.")
    )
    scopes = forms.MultipleChoiceField(label=_("The key may"), widget=forms.CheckboxSelectMultiple)
    expires_in_days = forms.ChoiceField(label=_("Expires after"), choices=_DAYS, initial="90", required=False)
    requests_per_minute = forms.IntegerField(
        label=_("Requests per minute"), required=False, min_value=0, max_value=_MOST
    )
    concurrent_requests = forms.IntegerField(
        label=_("Requests at the same time"), required=False, min_value=0, max_value=_MOST
    )

    def __init__(self, *args: Any, allowed: Rights, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        scopes.choices = [(scope.value, scope.label) for scope in allowed.scopes]  # type: ignore[attr-defined]
        scopes.initial = [scope.value for scope in allowed.scopes if scope.value in client_scopes()]
        for name, most in (
            ("requests_per_minute", allowed.per_minute),
            ("concurrent_requests", allowed.at_once),
        ):
            self.fields[name].help_text = _limit_help(most)


@logged_in
@require_safe
@vary_on_headers("HX-Request")
def keys(request: HttpRequest) -> HttpResponse:
    context = {"keys": _shown(request.user), "may_create": request.user.has_perm(CREATE)}
    return whole_or_part(request, "web/keys.html", "web/partials/_keys.html", context)


@needs(CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """The secret is in the answer to the POST and nowhere else: a redirect would need to store it."""
    allowed = rights.rights_of(request.user)  # type: ignore[arg-type]
    form = KeyForm(request.POST or None, allowed=allowed)
    if request.method == "POST" and form.is_valid() and (issued := _issued(request, form)):
        context = {"key": issued.key, "secret": issued.secret.reveal()}
        return _never_stored(render(request, "web/key_issued.html", context))
    return render(request, "web/key_create.html", {"form": form}, status=422 if form.errors else 200)


@logged_in
@require_POST
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    key = ApiKey.objects.filter(pk=key_id, owner=request.user.pk).first()
    if key is None:
        raise Http404
    issuing.revoke(key)
    messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("web:keys")


def _issued(request: HttpRequest, form: KeyForm) -> IssuedKey | None:
    """None: the form says why not."""
    given = form.cleaned_data
    days = given["expires_in_days"]
    try:
        return issuing.issue(
            name=given["name"],
            scopes=given["scopes"],
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
            requests_per_minute=given["requests_per_minute"],
            concurrent_requests=given["concurrent_requests"],
            owner=request.user,  # type: ignore[arg-type]
        )
    except ValidationError as error:
        form.add_error(None, error)
        return None


def _shown(user: Any) -> list[ShownKey]:
    """Those that work first, the newest first among them."""
    now = timezone.now()
    own = list(ApiKey.objects.filter(owner=user.pk).select_related("owner").order_by("-pk"))
    held = {scope.value for scope in rights.rights_of(user).scopes}
    today = requests_of_day([key.pk for key in own], datetime.now(UTC).date())
    webhooks = endpoint_counts([key.pk for key in own])
    shown = [
        ShownKey(
            key,
            key.state_at(now),
            tuple(str(Scope(scope).label) for scope in key.scopes if scope in held),
            today.get(key.pk, 0),
            webhooks.get(key.pk, 0),
        )
        for key in own
    ]
    return sorted(shown, key=lambda each: each.state is not KeyState.USABLE)


def _limit_help(most: int) -> Any:
    if most:
        return _("Empty: the usual limit, %(most)d.") % {"most": most}
    return _("Empty: the usual limit. 0: no limit.")


def _never_stored(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
