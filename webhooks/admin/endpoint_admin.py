from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy
from django.views.decorators.http import require_POST

from adminlists.lookups import NoHiddenLookups
from adminlists.paging import BoundedPaginator
from adminlists.read_only import ReadOnly

from .. import deliveries, endpoints
from ..errors import EndpointNotFound, EndpointSwitchedOff, SecretRotated, SecretsInUse
from ..models import WebhookEndpoint
from .filters import StateFilter

# Generic only in the type stubs.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[WebhookEndpoint]
else:
    _ModelAdmin = admin.ModelAdmin

_Service = Callable[[WebhookEndpoint], object]
MOST_SHOWN = 60
_CHANGE = "webhooks.change_webhookendpoint"
_PERIODS = (
    (endpoints.KEEP_OLD_FOR_S, _("A day, as for clients")),
    (3600, _("An hour")),
    (0, _("Not at all")),
)


class RotationForm(forms.Form):
    keep_old_for_s = forms.TypedChoiceField(
        label=_("How long the old secret stays valid"),
        choices=_PERIODS,
        coerce=int,
        help_text=_("While it does, messages carry two signatures, and the receiver may check either."),
    )


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(NoHiddenLookups, ReadOnly, _ModelAdmin):
    hidden_columns = ("secret", "previous_secret")
    list_display = (
        "shown_url",
        "state",
        "key",
        "failing_since",
        "succeeded_at",
    )
    list_filter = (StateFilter,)
    list_select_related = ("key",)
    search_fields = ("url", "key__name", "key__prefix", "description")
    search_help_text = _("URL, API key or description")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    paginator = BoundedPaginator
    actions = ("switch_on", "switch_off", "send_test", "redeliver_failed", "put_notices_away")
    fieldsets = (
        (None, {"fields": ("url", "key", "description", "state")}),
        (_("What it is told of"), {"fields": ("on_completed", "on_failed", "on_cancelled")}),
        (
            _("How it does"),
            {
                "fields": (
                    "succeeded_at",
                    "failing_since",
                    "held_until",
                    "disabled_at",
                    "disabled_because",
                    "noticed_at",
                )
            },
        ),
        (_("Life"), {"fields": ("id", "created_at", "updated_at", "previous_secret_until")}),
    )
    readonly_fields = ("state",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        rows: Any = super().get_queryset(request)
        return rows.kept().select_related("key")  # type: ignore[no-any-return]

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(_CHANGE)

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.change_webhookdelivery")

    @admin.display(description=_("URL"))
    def shown_url(self, endpoint: WebhookEndpoint) -> SafeString:
        """The pointer is shown all of it."""
        html = '<span class="mono" title="{}">{}</span>'
        return format_html(html, endpoint.url, _cut(endpoint.url))

    @admin.display(description=_("state"))
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        if endpoint.key.is_revoked:
            return _badge("badge-bad", _("API key revoked"))
        if endpoint.disabled_at is not None:
            return _badge("badge-bad", endpoint.get_disabled_because_display())
        if endpoint.failing_since is not None:
            return _badge("badge-warn", _("On, and failing"))
        return _badge("badge-ok", _("Switched on"))

    @admin.action(description=_("Switch the selected on"), permissions=["switch"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        text = ngettext_lazy(
            "%d endpoint is switched on; what waits for it is sent now.",
            "%d endpoints are switched on; what waits for them is sent now.",
        )
        self._apply(request, queryset, endpoints.switch_on, text)

    @admin.action(description=_("Switch the selected off"), permissions=["switch"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        text = ngettext_lazy(
            "%d endpoint is switched off, and its client cannot switch it on.",
            "%d endpoints are switched off, and their clients cannot switch them on.",
        )
        self._apply(request, queryset, endpoints.switch_off, text)

    @admin.action(description=_("Send a test to the selected"), permissions=["redeliver"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        text = ngettext_lazy("A test is sent to %d endpoint.", "A test is sent to %d endpoints.")
        self._apply(request, queryset, partial(deliveries.send_test, by_staff=True), text)

    @admin.action(description=_("Deliver what failed once more"), permissions=["redeliver"])
    def redeliver_failed(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        sent, is_refused = 0, False
        for endpoint in queryset:
            try:
                sent += deliveries.redeliver_failed(endpoint)
            except EndpointSwitchedOff:
                is_refused = True
        text = ngettext("%d delivery is sent once more.", "%d deliveries are sent once more.", sent)
        self.message_user(request, text % sent, messages.SUCCESS)
        if is_refused:
            warning = _("Nothing is sent to an endpoint that is switched off. Switch it on first.")
            self.message_user(request, warning, messages.WARNING)

    @admin.action(description=_("Put the notices about the selected away"), permissions=["switch"])
    def put_notices_away(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        text = ngettext_lazy("%d notice is put away.", "%d notices are put away.")
        self._apply(request, queryset, endpoints.put_notice_away, text)

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "webhooks_webhookendpoint"
        return [
            path("<path:object_id>/new-secret/", view(self.new_secret), name=f"{name}_new_secret"),
            path(
                "<path:object_id>/put-notice-away/",
                view(require_POST(self.put_notice_away)),
                name=f"{name}_put_notice_away",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {
            "can_switch": self.has_switch_permission(request),
            "can_see_deliveries": request.user.has_perm("webhooks.view_webhookdelivery"),
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def new_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The secret is in the answer to the POST and nowhere else: a redirect would need to store it."""
        endpoint = self._endpoint_to_switch(request, object_id)
        form = RotationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                issued = endpoints.rotate_secret(endpoint, keep_old_for_s=form.cleaned_data["keep_old_for_s"])
            except (SecretsInUse, SecretRotated, EndpointNotFound) as error:
                form.add_error(None, _REFUSALS[type(error)])
            else:
                secret = issued.secret.reveal()
                return self._page(request, "issued", _("New secret"), original=endpoint, secret=secret)
        return self._page(request, "new_secret", _("New secret"), original=endpoint, form=form)

    def put_notice_away(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For the start page, which shows it."""
        endpoints.put_notice_away(self._endpoint_to_switch(request, object_id))
        return redirect(reverse("admin:index", current_app=self.admin_site.name))

    def _endpoint_to_switch(self, request: HttpRequest, object_id: str) -> WebhookEndpoint:
        """Raises PermissionDenied, Http404."""
        if not (self.has_switch_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        endpoint = self.get_object(request, object_id)
        if endpoint is None:
            raise Http404
        return endpoint

    def _page(self, request: HttpRequest, name: str, title: Any, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        base = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "subtitle": None}
        response = TemplateResponse(request, f"admin/webhooks/webhookendpoint/{name}.html", base | context)
        response["Cache-Control"] = "no-store"
        return response

    def _apply(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint], service: _Service, done: Any
    ) -> None:
        """done: says how many endpoints the service has changed."""
        changed = sum(_succeeds(service, endpoint) for endpoint in queryset)
        unchanged = len(queryset) - changed
        if changed:
            self.message_user(request, done % changed, messages.SUCCESS)
        if unchanged:
            text = ngettext("%d endpoint stays as it is.", "%d endpoints stay as they are.", unchanged)
            self.message_user(request, text % unchanged, messages.WARNING)


def _succeeds(service: _Service, endpoint: WebhookEndpoint) -> bool:
    try:
        return bool(service(endpoint))
    except (EndpointNotFound, EndpointSwitchedOff):
        return False


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _badge(css_class: str, text: Any) -> SafeString:
    return format_html('<span class="badge {}">{}</span>', css_class, text)


_REFUSALS = {
    SecretsInUse: _(
        "The secret before this one is still valid, and two are the most. End the old ones at once."
    ),
    SecretRotated: _("Somebody else gave it another secret meanwhile. Look at the page again."),
    EndpointNotFound: _("Its client has removed it meanwhile."),
}
