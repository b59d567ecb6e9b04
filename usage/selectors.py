"""Sums over usage records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, IntegerField, OuterRef, Subquery, Sum
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
    records = UsageRecord.objects.filter(config_id=OuterRef("pk")).order_by()
    counted = records.filter(at__gte=since).values("pk")[: MOST_COUNTED + 1]
    rows = (
        LLMConfig.objects.filter(pk__in=config_ids)
        .order_by()
        .annotate(
            last_used_at=Subquery(records.order_by("-at").values("at")[:1]),
            counted=_CountOf(counted, output_field=IntegerField()),
        )
        .values_list("pk", "last_used_at", "counted")
    )
    return {
        pk: ConfigUse(last_used_at, min(counted, MOST_COUNTED), counted > MOST_COUNTED)
        for pk, last_used_at, counted in rows
    }


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
