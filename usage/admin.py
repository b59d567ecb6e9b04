from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from adminlists.paging import BoundedPaginator
from adminlists.read_only import ReadOnly

from .filters import ConfigFilter, DayFilter, KeyFilter, RouteFilter, UserFilter
from .models import UsageRecord

# Generic only in the type stubs.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[UsageRecord]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnly, _ModelAdmin):
    """Machine rows: to be read and searched. There may be many millions, so nothing here counts them all,
    sorts by what has no index, or asks which values there are."""

    list_display = (
        "at",
        "api_key",
        "user_name",
        "route",
        "outcome",
        "error_code",
        "config_name",
        "model_name",
        "prompt_tokens",
        "completion_tokens",
        "is_estimated",
        "duration_s",
        "first_token_s",
        "request_id",
    )
    list_filter = ("outcome", RouteFilter, DayFilter, ConfigFilter, UserFilter, KeyFilter)
    list_select_related = ("api_key",)
    search_fields = ("request_id__exact",)  # "=request_id" is without case, and so without the index
    search_help_text = _("The whole request id, or of a job its id")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    paginator = BoundedPaginator
