"""What the list of jobs can be narrowed to, with choices that are quickly found and an index for each."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from adminlists.lookups import exactly
from apikeys.models import ApiKey
from llmconfigs.models import LLMConfig
from usage import filters as of_usage

from .models import GenerationJob, JobStatus

MOST_CONFIGS = 200
LATEST_FAILURES = 2_000
MOST_FOUND = 1_000
_MOST_DIGITS = 18
"""Of a number that every database takes."""


class DayFilter(of_usage.DayFilter):
    """By the ids, which begin with the time."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (day := self.day()) is None:
            return queryset
        begins_at, ends_at = day
        return queryset.filter(pk__gte=_first_id(begins_at), pk__lt=_first_id(ends_at))


class ConfigFilter(admin.SimpleListFilter):
    """Those that exist; `?config=` takes the number of any."""

    title = _("configuration")
    parameter_name = "config"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(config.pk), config.name) for config in LLMConfig.objects.order_by("name")[:MOST_CONFIGS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        number = self.value() or ""
        is_number = number.isdecimal() and len(number) <= _MOST_DIGITS
        return queryset.filter(config=int(number)) if is_number else queryset


class ErrorFilter(admin.SimpleListFilter):
    """Those of the latest failures; only jobs that failed have one."""

    title = _("error code")
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        failed = GenerationJob.objects.filter(status=JobStatus.FAILED).order_by("-pk")
        codes = set(failed.values_list("error_code", flat=True)[:LATEST_FAILURES])
        return [(code, code) for code in sorted(codes) if code]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return exactly(queryset.filter(status=JobStatus.FAILED), error_code=str(self.value()))


class KeyFilter(of_usage.KeyFilter):
    field_name = "key"


def found_by(term: str, jobs: QuerySet[GenerationJob]) -> QuerySet[GenerationJob]:
    """The job with this id, or those with this idempotency key or of API keys that are called so.

    Each is looked up by itself: all in one condition would be asked of every job that there is.
    """
    try:
        return jobs.filter(pk=uuid.UUID(term))
    except ValueError:
        pass
    if "\x00" in term:
        return jobs.none()
    # The unique index begins with the key.
    by_idempotency_key = GenerationJob.objects.filter(
        key__in=ApiKey.objects.order_by().values("pk"), idempotency_key=term
    )
    keys = ApiKey.objects.filter(Q(name__icontains=term) | Q(prefix__istartswith=term))
    ids = list(by_idempotency_key.order_by().values_list("pk", flat=True)[:MOST_FOUND])
    key_ids = list(keys.order_by().values_list("pk", flat=True)[:MOST_FOUND])
    return jobs.filter(Q(pk__in=ids) | Q(key__in=key_ids)) if ids else jobs.filter(key__in=key_ids)


def _first_id(moment: datetime) -> uuid.UUID:
    """That a job of this moment may have: 48 bits of milliseconds come first in it."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
