"""The trail in the admin: to be read, searched and exported. There may be millions of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from adminlists.paging import BoundedPaginator
from adminlists.read_only import ReadOnly

from . import details, exporting
from .filters import SINCE, UNTIL, ActionFilter, ActorFilter, PeriodFilter, SubjectFilter
from .history import history_url
from .labels import subject_label
from .models import AuditEvent
from .periods import beginning_of, end_of

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[AuditEvent]
else:
    _ModelAdmin = admin.ModelAdmin

_MOST_FIELDS = 5
_MOST_DIGITS = 19
"""Of a number that every database takes."""


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, _ModelAdmin):
    list_display = (
        "number",
        "at",
        "shown_action",
        "shown_actor",
        "address",
        "shown_subject",
        "shown_changes",
    )
    list_filter = (PeriodFilter, SubjectFilter, ActorFilter, ActionFilter)
    list_select_related = False
    # Whole values: each has an index, which a part of one could not use.
    search_fields = ("request_id__exact", "actor_name__exact", "address__exact", "subject_name__exact")
    search_help_text = _("The whole request id, address, or name of actor or subject")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    paginator = BoundedPaginator
    fieldsets = (
        (None, {"fields": ("number", "at", "shown_action", "shown_subject", "shown_details")}),
        (_("Who"), {"fields": ("shown_actor", "actor_id", "address", "request_id")}),
        (_("Chain"), {"fields": ("digest", "previous_digest")}),
    )
    readonly_fields = ("shown_action", "shown_actor", "shown_subject", "shown_details")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """The term is looked for as it is, and not word by word: names have spaces."""
        if term := search_term.strip():
            anywhere = Q(*((field, term) for field in self.search_fields), _connector=Q.OR)
            queryset = queryset.filter(anywhere)
        return queryset, False

    @admin.display(description=_("action"))
    def shown_action(self, event: AuditEvent) -> str:
        return event.action_label

    @admin.display(description=_("actor"))
    def shown_actor(self, event: AuditEvent) -> str:
        return event.actor_label

    @admin.display(description=_("subject"))
    def shown_subject(self, event: AuditEvent) -> str:
        """With a link to all that was recorded of it."""
        if not event.subject_kind:
            return "-"
        name = event.subject_name or subject_label(event.subject_kind, event.subject_id)
        if not event.subject_id:
            return name
        url, title = history_url(event.subject_kind, event.subject_id), _("History of this object")
        return format_html('<a href="{}" title="{}">{}</a>', url, title, name)

    @admin.display(description=_("changed"))
    def shown_changes(self, event: AuditEvent) -> str:
        names = [field.name for field in details.changed_fields(event)]
        shown = ", ".join(names[:_MOST_FIELDS]) + (" …" if len(names) > _MOST_FIELDS else "")
        return format_html('<span translate="no">{}</span>', shown)

    @admin.display(description=_("details"))
    def shown_details(self, event: AuditEvent) -> str:
        context = {"changes": details.changed_fields(event), "others": details.other_details(event)}
        return render_to_string("admin/audit/auditevent/_details.html", context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        period = {SINCE: request.GET.get(SINCE, ""), UNTIL: request.GET.get(UNTIL, "")}
        context = {"may_export": _may_export(request), "period": period}
        return super().changelist_view(request, context | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """An event has no history; what it is about has one."""
        context = {"history_url": self._history_url(object_id)} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(require_POST(self.export))
        return [path("export/", export, name="audit_auditevent_export"), *super().get_urls()]

    def _history_url(self, number: str) -> str:
        events = AuditEvent.objects.exclude(subject_id="")
        is_number = number.isdecimal() and len(number) < _MOST_DIGITS
        event = events.filter(pk=number).first() if is_number else None
        return history_url(event.subject_kind, event.subject_id) if event else ""

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The events of a period, for who may see and export them."""
        if not self.has_view_permission(request) or not _may_export(request):
            raise PermissionDenied
        since, until = request.POST.get(SINCE, ""), request.POST.get(UNTIL, "")
        try:
            export = exporting.begin(
                since=beginning_of(since) if since else None, until=end_of(until) if until else None
            )
        except ValueError:
            self.message_user(request, _("The period is no valid one."), messages.ERROR)
            return redirect("admin:audit_auditevent_changelist")
        name = f"audit-{timezone.localtime():%Y%m%d-%H%M%S}.jsonl"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(_stream(export), content_type="application/jsonl", headers=headers)


def _may_export(request: HttpRequest) -> bool:
    return request.user.has_perm("audit.export_auditevent")


async def _stream(export: exporting.Export) -> AsyncIterator[bytes]:
    chunks = export.chunks()
    while chunk := await sync_to_async(_next_of)(chunks):
        yield chunk


def _next_of(chunks: Iterator[bytes]) -> bytes:
    """b"" after the last. Gives the connection back: a browser may take minutes for what it has got."""
    try:
        return next(chunks, b"")
    finally:
        if not connection.in_atomic_block:
            connection.close()
