from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from adminlists.paging import BoundedPaginator
from adminlists.read_only import ReadOnly
from llmconfigs import wording

from .accepting import submission
from .errors import JobFinished
from .filters import ConfigFilter, DayFilter, ErrorFilter, KeyFilter, found_by
from .models import Breaker, GenerationJob, JobAttempt

# Generic only in the type stubs.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[GenerationJob]
    _AttemptInline = admin.TabularInline[JobAttempt, GenerationJob]
    _BreakerAdmin = admin.ModelAdmin[Breaker]
else:
    _ModelAdmin = _BreakerAdmin = admin.ModelAdmin
    _AttemptInline = admin.TabularInline


class AttemptInline(ReadOnly, _AttemptInline):
    """What became of each attempt, for staff alone."""

    model = JobAttempt
    fields = (
        "number",
        "outcome",
        "shown_reason",
        "config_name",
        "provider",
        "model_name",
        "prompt_tokens",
        "completion_tokens",
        "owner",
        "started_at",
        "ended_at",
    )
    readonly_fields = fields
    extra = 0

    @admin.display(description=_("reason"))
    def shown_reason(self, attempt: JobAttempt) -> str:
        return wording.say(attempt.reason) or "-"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the job may see its attempts."""
        return request.user.has_perm("generation.view_generationjob")


@admin.register(GenerationJob)
class GenerationJobAdmin(ReadOnly, _ModelAdmin):
    """Machine rows: to be read, searched and cancelled, not to be written. There may be millions, so nothing
    here counts them all, sorts by what has no index, or asks which values there are."""

    list_display = (
        "id",
        "status",
        "key",
        "priority",
        "config_name",
        "provider",
        "model_name",
        "attempt",
        "duration_s",
        "error_code",
        "created_at",
    )
    list_filter = ("status", ErrorFilter, DayFilter, ConfigFilter, KeyFilter)
    list_select_related = ("key",)
    readonly_fields = ("request_json", "data_json", "shown_message", "shown_detail")
    search_fields = ("id",)  # for the box; what is looked for, get_search_results knows
    search_help_text = _("The whole id or idempotency key, or the name of an API key")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    paginator = BoundedPaginator
    actions = ("cancel",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("id", "status", "key", "generator", "priority", "created_at")}),
        (
            _("Request and answer"),
            {
                "fields": (
                    "request_json",
                    "metadata",
                    "text",
                    "data_json",
                    "tool_calls",
                    "finish_reason",
                    "warnings",
                )
            },
        ),
        (
            _("Who answered"),
            {
                "fields": (
                    "config",
                    "config_name",
                    "provider",
                    "model_name",
                    "prompt_tokens",
                    "completion_tokens",
                )
            },
        ),
        (
            _("Timing"),
            {
                "fields": (
                    "started_at",
                    "finished_at",
                    "first_chunk_s",
                    "duration_s",
                    "run_after",
                    "deadline_at",
                )
            },
        ),
        (
            _("Attempts"),
            {
                "fields": (
                    "rerun_of",
                    "attempt",
                    "postponements",
                    "lost_leases",
                    "lease_owner",
                    "lease_expires_at",
                )
            },
        ),
        (
            _("Failure"),
            {"fields": ("error_code", "shown_message", "shown_detail", "cancel_requested_at")},
        ),
        (_("Idempotency"), {"fields": ("idempotency_key", "request_digest"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[GenerationJob]:
        """The list shows neither requests nor texts, which may be long."""
        jobs = super().get_queryset(request)
        page = request.resolver_match
        if page is not None and (page.url_name or "").endswith("_changelist"):
            return jobs.defer(*_LONG)
        return jobs

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[GenerationJob], search_term: str
    ) -> tuple[QuerySet[GenerationJob], bool]:
        term = search_term.strip()
        return found_by(term, queryset) if term else queryset, False

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("generation.change_generationjob")

    @admin.display(description=_("request"))
    def request_json(self, job: GenerationJob) -> str:
        return _as_json(job.request)

    @admin.display(description=_("data"))
    def data_json(self, job: GenerationJob) -> str:
        return _as_json(job.data)

    @admin.display(description=_("error message"))
    def shown_message(self, job: GenerationJob) -> str:
        return wording.say(job.error_message) or "-"

    @admin.display(description=_("what went wrong"))
    def shown_detail(self, job: GenerationJob) -> str:
        return wording.say(job.failure_detail) or "-"

    @admin.action(description=_("Cancel the selected jobs"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[GenerationJob]) -> None:
        cancelled = sum(_cancel(job) for job in queryset)
        finished = len(queryset) - cancelled
        if cancelled:
            text = ngettext("%d job is being cancelled.", "%d jobs are being cancelled.", cancelled)
            self.message_user(request, text % cancelled, messages.SUCCESS)
        if finished:
            text = ngettext("%d job had already ended.", "%d jobs had already ended.", finished)
            self.message_user(request, text % finished, messages.WARNING)


@admin.register(Breaker)
class BreakerAdmin(ReadOnly, _BreakerAdmin):
    """Which models jobs are kept from at present, and why."""

    list_display = (
        "name_or_environment",
        "is_open",
        "shown_reason",
        "failures",
        "failed_at",
        "opened_at",
        "probe_at",
    )
    list_filter = (("opened_at", admin.EmptyFieldListFilter),)
    list_select_related = ()
    search_fields = ("name", "backend")
    exclude = ("reason",)
    readonly_fields = ("shown_reason",)

    @admin.display(description=_("configuration"), ordering="name")
    def name_or_environment(self, breaker: Breaker) -> str:
        return breaker.name or str(_("Environment"))

    @admin.display(description=_("jobs wait"), boolean=True, ordering="opened_at")
    def is_open(self, breaker: Breaker) -> bool:
        return breaker.opened_at is not None

    @admin.display(description=_("last failure"))
    def shown_reason(self, breaker: Breaker) -> str:
        return wording.say(breaker.reason) or "-"


_LONG = ("request", "text", "data", "tool_calls", "metadata", "warnings", "failure_detail")
_SHOWN_CHARACTERS = 100_000
"""A request may hold images of many megabytes."""


def _as_json(value: Any) -> str:
    if value is None:
        return "-"
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html('<pre translate="no">{}</pre>', text[:_SHOWN_CHARACTERS])


def _cancel(job: GenerationJob) -> bool:
    try:
        submission.cancel_as_staff(job)
    except JobFinished:
        return False
    return True
