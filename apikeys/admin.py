"""Keys in the admin: a secret is shown once, on the page that answers "add", and never again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, ngettext

from adminlists.lookups import NoHiddenLookups

from . import issuing
from .models import ApiKey, ApiKeyQuerySet, Scope, client_scopes

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[ApiKey]
    _ModelForm = forms.ModelForm[ApiKey]
else:
    _ModelAdmin, _ModelForm = admin.ModelAdmin, forms.ModelForm


class ApiKeyForm(_ModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=Scope.choices,
        initial=client_scopes,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "expires_at", "requests_per_minute", "concurrent_requests"]


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("usable", _("Usable")), ("expired", _("Expired")), ("revoked", _("Revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        kept = {
            "usable": ApiKeyQuerySet.usable(queryset, now),  # type: ignore[arg-type]
            "expired": queryset.filter(revoked_at=None, expires_at__lte=now),
            "revoked": queryset.exclude(revoked_at=None),
        }
        return kept.get(self.value() or "", queryset)


@admin.register(ApiKey)
class ApiKeyAdmin(NoHiddenLookups, _ModelAdmin):
    hidden_columns = ("digest",)
    form = ApiKeyForm
    list_display = [
        "name",
        "prefix",
        "owner",
        "shown_scopes",
        "state",
        "last_used_at",
        "expires_at",
        "created_at",
    ]
    list_filter = [StateFilter, "last_used_at", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["name", "prefix", "owner__username"]
    readonly_fields = ["prefix", "owner", "state", "created_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]

    @admin.display(description=_("scopes"))
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> Any:
        return key.state_at(timezone.now()).label

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return [*ApiKeyForm.Meta.fields, *(self.readonly_fields if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return self.readonly_fields if obj else []

    def save_model(self, request: HttpRequest, obj: ApiKey, form: _ModelForm, change: bool) -> None:
        if change:
            issuing.change(obj, ApiKeyForm.Meta.fields)
        else:
            request.issued_key = issuing.reissue(obj)  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the secret answers the POST itself: a redirect would need to store the secret."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("API key issued"),
            "opts": self.opts,
            "original": obj,
            "secret": request.issued_key.secret.reveal(),  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/apikeys/apikey/issued.html", context)

    def get_deleted_objects(
        self, objs: Iterable[ApiKey], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Does not collect the jobs of a protected key: there may be many, and none will be deleted."""
        if protected := [str(key) for key in objs if key.is_protected()]:
            return [], {}, set(), protected
        return super().get_deleted_objects(objs, request)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        issuing.delete([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        issuing.delete(queryset)

    @admin.action(description=_("Revoke selected API keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset)
        for key in keys:
            if issuing.revoke(key):
                self.log_change(request, key, [{"changed": {"fields": [gettext_noop("revoked")]}}])
        text = ngettext("%(count)d API key is revoked.", "%(count)d API keys are revoked.", len(keys))
        self.message_user(request, text % {"count": len(keys)}, messages.SUCCESS)
