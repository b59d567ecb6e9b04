"""Sums over usage records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from .entries import Outcome, UsageEntry
from .models import UsageRecord


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


def is_recorded(entry: UsageEntry) -> bool:
    """Whether a record of the same request, begun at the same moment, is stored already."""
    return UsageRecord.objects.filter(
        api_key=entry.api_key_id, at=entry.at, request_id=entry.request_id
    ).exists()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next(day: date) -> date:
    return day + timedelta(days=1)
