"""What the list of usage records can be narrowed to, with choices that are quickly found."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import gettext_lazy as _

from adminlists.lookups import exactly
from apikeys.models import ApiKey
from llmconfigs.models import LLMConfig

from .models import UsageRecord

DAYS = 14
MOST_KEYS = 50
LATEST_RECORDS = 2_000
_MOST_DIGITS = 18
"""Of a number that every database takes."""

Choices = list[tuple[str, Any]]


class RouteFilter(admin.SimpleListFilter):
    """The routes of the latest records."""

    title = _("route")
    parameter_name = "route"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _choices(_latest("route"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else exactly(queryset, route=str(self.value()))


class ConfigFilter(admin.SimpleListFilter):
    """By name: those that exist, and those of the latest records."""

    title = _("configuration")
    parameter_name = "config"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _choices(_latest("config_name") | set(LLMConfig.objects.values_list("name", flat=True)))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else exactly(queryset, config_name=str(self.value()))


class DayFilter(admin.SimpleListFilter):
    """The last days; `?day=` takes any."""

    title = _("day (UTC)")
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        today = datetime.now(UTC).date()
        days = [today - timedelta(days=number) for number in range(DAYS)]
        return [(day.isoformat(), formats.date_format(day)) for day in days]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (day := self.day()) is None:
            return queryset
        begins_at, ends_at = day
        return queryset.filter(at__gte=begins_at, at__lt=ends_at)

    def day(self) -> tuple[datetime, datetime] | None:
        """From when to when; None if none was asked for, or what is none."""
        with suppress(ValueError, OverflowError):
            begins_at = datetime.combine(date.fromisoformat(self.value() or ""), time(), UTC)
            return begins_at, begins_at + timedelta(days=1)
        return None


class UserFilter(admin.SimpleListFilter):
    """The users of pages, of the latest records."""

    title = _("user")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _choices(_latest("user_name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else exactly(queryset, user_name=str(self.value()))


class KeyFilter(admin.SimpleListFilter):
    """The keys used last; `?key=` takes the number of any."""

    title = _("API key")
    parameter_name = "key"
    field_name = "api_key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        keys = ApiKey.objects.order_by(F("last_used_at").desc(nulls_last=True), "-pk")[:MOST_KEYS]
        return [(str(key.pk), str(key)) for key in keys]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        number = self.value() or ""
        is_number = number.isdecimal() and len(number) <= _MOST_DIGITS
        return queryset.filter(**{self.field_name: int(number)}) if is_number else queryset


def _latest(field: str) -> set[str]:
    return set(UsageRecord.objects.values_list(field, flat=True)[:LATEST_RECORDS])


def _choices(values: Iterable[str]) -> Choices:
    return [(value, value) for value in sorted(values) if value]
