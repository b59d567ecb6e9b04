"""The running processes, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from adminlists.read_only import ReadOnly

from .models import Epoch, Process
from .selectors import has_converged, recent_processes
from .subjects import Subject

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Process]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(Process)
class ProcessAdmin(ReadOnly, _ModelAdmin):
    list_display = ["host", "pid", "role", "version", "converged", "seen_at", "started_at"]
    list_display_links = None
    list_select_related = False
    list_filter = ["role"]
    search_fields = ["host"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Process]:
        newest = Epoch.objects.values("number")
        return recent_processes().annotate(
            newest_configs=Subquery(newest.filter(subject=Subject.CONFIGS)),
            newest_keys=Subquery(newest.filter(subject=Subject.KEYS)),
        )

    @admin.display(description=_("up to date"), boolean=True)
    def converged(self, process: Any) -> bool:
        newest = {Subject.CONFIGS.value: process.newest_configs, Subject.KEYS.value: process.newest_keys}
        return has_converged(process, newest)
