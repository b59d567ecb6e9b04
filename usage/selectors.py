"""Sums over usage records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    Count,
    DateTimeField,
    F,
    Func,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import TruncDate

from llmconfigs.models import LLMConfig

from .entries import Outcome, UsageEntry
from .models import UsageRecord

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class DaySums:
    day: date
    requests: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def daily_sums(key_id: int, first: date, last: date) -> list[DaySums]:
    """The days in UTC from `first` to `last`, both included; days without a request are left out.

    A request counts on the day it began, whether it was completed, failed or cancelled. One that was turned
    away does not count: no model was asked.
    """
    rows = (
        UsageRecord.objects.filter(api_key=key_id, at__gte=_midnight(first), at__lt=_midnight(_next(last)))
        .exclude(outcome=Outcome.REFUSED)
        .values(day=TruncDate("at", tzinfo=UTC))
        .annotate(
            requests=Count("pk"),
            sum_of_prompt_tokens=Sum("prompt_tokens"),
            sum_of_completion_tokens=Sum("completion_tokens"),
        )
        .order_by("day")
        .values_list("day", "requests", "sum_of_prompt_tokens", "sum_of_completion_tokens")
    )
    return [DaySums(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ConfigUse:
    """requests: counted up to MOST_COUNTED; has_more: there are more than that."""

    last_used_at: datetime | None = None
    requests: int = 0
    has_more: bool = False


def uses_of_configs(config_ids: Collection[int], *, since: datetime) -> dict[int, ConfigUse]:
    """When each configuration was last used, and for how many requests since then, in one query.

    It takes milliseconds for each, however many records there are: both are read from the end of an index,
    and nothing counts further than anybody reads.
    """
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    counted = _of_config(since, latest).values("at")[: MOST_COUNTED + 1]
    rows = (
        LLMConfig.objects.filter(pk__in=config_ids)
        .order_by()
        .annotate(
            last_used_at=Subquery(_of_config(earliest, latest).values("at")[:1]),
            counted=_CountOf(counted, output_field=IntegerField()),
        )
        .values_list("pk", "last_used_at", "counted")
    )
    return {
        pk: ConfigUse(last_used_at, min(counted, MOST_COUNTED), counted > MOST_COUNTED)
        for pk, last_used_at, counted in rows
    }


def _of_config(first: datetime, last: datetime) -> QuerySet[UsageRecord]:
    """The records of the outer query's configuration between these moments, the latest first.

    Both columns of the index are compared at once and sorted by. Of config_id = … alone PostgreSQL supposes
    that its records lie everywhere, and looks for the latest of all backwards in time: for a configuration
    that nobody uses, through the whole table.
    """
    config_id = OuterRef("pk")
    return UsageRecord.objects.filter(
        _ConfigAndTime(">=", config_id, first), _ConfigAndTime("<=", config_id, last)
    ).order_by("-config_id", "-at")


class _ConfigAndTime(Func):
    """A row comparison, which is by config_id and, where that is the same, by time."""

    output_field = BooleanField()

    def __init__(self, operator: str, config_id: Any, at: Any) -> None:
        super().__init__(F("config_id"), F("at"), config_id, Value(at, output_field=DateTimeField()))
        self.operator = operator

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        compiled = [compiler.compile(expression) for expression in self.source_expressions]
        own_id, own_at, other_id, other_at = (sql for sql, _ in compiled)
        parameters = [each for _, of_one in compiled for each in of_one]
        return f"({own_id}, {own_at}) {self.operator} ({other_id}, {other_at})", parameters


class _CountOf(Subquery):
    """The number of a subquery's rows, of one with a limit too."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"


def requests_of_day(key_ids: Collection[int], day: date) -> dict[int, int]:
    """How many requests each of the keys began on the day, in UTC; those without any are left out."""
    rows = (
        UsageRecord.objects.filter(api_key__in=key_ids, at__gte=_midnight(day), at__lt=_midnight(_next(day)))
        .exclude(outcome=Outcome.REFUSED)
        .order_by()
        .values_list("api_key")
        .annotate(requests=Count("pk"))
    )
    return dict(rows)


def is_recorded(entry: UsageEntry) -> bool:
    """Whether a record of the same request, begun at the same moment, is stored already."""
    return UsageRecord.objects.filter(
        api_key=entry.api_key_id, at=entry.at, request_id=entry.request_id
    ).exists()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next(day: date) -> date:
    return day + timedelta(days=1)
