from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from adminlists.paging import BoundedPaginator
from adminlists.read_only import ReadOnly
from llmconfigs import wording

from .. import deliveries
from ..errors import DeliveryNotFound, EndpointSwitchedOff
from ..messages import parse_public_id, public_id
from ..models import WebhookAttempt, WebhookDelivery
from .filters import EndpointFilter, StatusFilter, uuid_in

MOST_ATTEMPTS = 100

# Generic only in the type stubs.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[WebhookDelivery]
    _AttemptInline = admin.TabularInline[WebhookAttempt, WebhookDelivery]
else:
    _ModelAdmin, _AttemptInline = admin.ModelAdmin, admin.TabularInline


class AttemptInline(ReadOnly, _AttemptInline):
    """What became of each attempt, for staff alone."""

    model = WebhookAttempt
    fields = ("number", "started_at", "duration_s", "outcome", "status_code", "shown_reason")
    readonly_fields = fields
    extra = 0
    verbose_name_plural = _("latest attempts")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookAttempt]:
        rows: Any = super().get_queryset(request)
        return rows.newest(MOST_ATTEMPTS)  # type: ignore[no-any-return]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the delivery may see its attempts."""
        return request.user.has_perm("webhooks.view_webhookdelivery")

    @admin.display(description=_("reason"))
    def shown_reason(self, attempt: WebhookAttempt) -> str:
        return wording.say(attempt.reason) or "-"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly, _ModelAdmin):
    """Machine rows: to be read, searched and sent again, not to be written. Nothing here counts them all,
    sorts by what has no index, or asks which values there are."""

    list_display = (
        "shown_id",
        "status",
        "shown_event",
        "endpoint",
        "key_name",
        "created_at",
        "attempts",
        "next_attempt_at",
    )
    list_filter = (StatusFilter, EndpointFilter)
    list_select_related = ("endpoint__key",)
    search_fields = ("message_id", "job_id")
    search_help_text = _("The whole id of the message (webhook-id), or of the job")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    paginator = BoundedPaginator
    actions = ("redeliver",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("shown_id", "shown_event", "status", "shown_endpoint", "key", "shown_job")}),
        (
            _("Timing"),
            {"fields": ("created_at", "attempts", "next_attempt_at", "finished_at", "given_up_because")},
        ),
        (_("Message"), {"fields": ("shown_body",)}),
    )
    readonly_fields = ("shown_id", "shown_event", "shown_endpoint", "key", "shown_job", "shown_body")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        """The list does not show the messages."""
        rows = super().get_queryset(request)
        page = request.resolver_match
        is_list = page is not None and (page.url_name or "").endswith("_changelist")
        return rows.defer("body") if is_list else rows.select_related("endpoint__key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery], search_term: str
    ) -> tuple[QuerySet[WebhookDelivery], bool]:
        """By whole ids, each of which has an index."""
        if term := search_term.strip():
            found = parse_public_id(term) or uuid_in(term)
            queryset = queryset.filter(Q(message_id=found) | Q(job_id=found)) if found else queryset.none()
        return queryset, False

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.change_webhookdelivery")

    @admin.display(description=_("message"))
    def shown_id(self, delivery: WebhookDelivery) -> str:
        return format_html('<span class="mono">{}</span>', public_id(delivery))

    @admin.display(description=_("event"))
    def shown_event(self, delivery: WebhookDelivery) -> str:
        """As the message says it, so that it is not taken for what became of the delivery."""
        return format_html('<span class="mono" translate="no">{}</span>', delivery.event)

    @admin.display(description=_("API key"))
    def key_name(self, delivery: WebhookDelivery) -> str:
        return delivery.endpoint.key.name

    @admin.display(description=_("API key"))
    def key(self, delivery: WebhookDelivery) -> str:
        return str(delivery.endpoint.key)

    @admin.display(description=_("endpoint"))
    def shown_endpoint(self, delivery: WebhookDelivery) -> str:
        if delivery.endpoint.removed_at is not None:
            return str(delivery.endpoint)
        url = reverse("admin:webhooks_webhookendpoint_change", args=[delivery.endpoint_id])
        return format_html('<a href="{}">{}</a>', url, delivery.endpoint.url)

    @admin.display(description=_("job"))
    def shown_job(self, delivery: WebhookDelivery) -> str:
        if delivery.job_id is None:
            return "-"
        url = reverse("admin:generation_generationjob_change", args=[delivery.job_id])
        return format_html('<a href="{}">{}</a>', url, delivery.job_id)

    @admin.display(description=_("body"))
    def shown_body(self, delivery: WebhookDelivery) -> str:
        """As it is sent, but for the spaces."""
        if not delivery.body:
            return str(_("It is written when it is first sent."))
        return format_html('<pre translate="no">{}</pre>', _indented(delivery.body))

    @admin.action(description=_("Deliver the selected once more"), permissions=["redeliver"])
    def redeliver(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        found = list(queryset[: deliveries.MOST_AT_ONCE + 1])
        chosen = found[: deliveries.MOST_AT_ONCE]
        sent = sum(_redeliver(delivery) for delivery in chosen)
        refused = len(chosen) - sent
        if len(found) > len(chosen):
            told = _("Only %(most)d are sent at once. Send the others after that.") % {"most": len(chosen)}
            self.message_user(request, told, messages.WARNING)
        if sent:
            text = ngettext(
                "%d delivery is sent once more, at once.", "%d deliveries are sent once more, at once.", sent
            )
            self.message_user(request, text % sent, messages.SUCCESS)
        if refused:
            text = ngettext(
                "%d delivery is not sent: its endpoint is switched off.",
                "%d deliveries are not sent: their endpoints are switched off.",
                refused,
            )
            self.message_user(request, text % refused, messages.WARNING)


def _redeliver(delivery: WebhookDelivery) -> bool:
    try:
        deliveries.redeliver(delivery, by_staff=True)
    except (DeliveryNotFound, EndpointSwitchedOff):
        return False
    return True


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body
