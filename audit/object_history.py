"""The history of an object in the admin, told by the trail, which tells more than Django's log entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from .details import changed_fields, other_details
from .models import AuditEvent

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

MOST_SHOWN = 200


class HistoryFromTrail(_ModelAdmin):
    """For a ModelAdmin whose services write the trail. `trail_kind`: of the subjects there."""

    trail_kind = ""
    object_history_template = "admin/audit/object_history.html"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        found = AuditEvent.objects.filter(subject_kind=self.trail_kind, subject_id=object_id)[:MOST_SHOWN]
        events = [(each, changed_fields(each), other_details(each)) for each in found]
        return super().history_view(request, object_id, {"events": events} | (extra_context or {}))

    # Django's own log entries would tell the same once more.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return []
