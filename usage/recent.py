"""The last hours in numbers, for staff: how much was asked, what failed, how long it took.

One query, whose work is one pass over the records of the time: it counts them by hour, outcome and a class
of duration, so that the quantiles need no sorting. They are right to a tenth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, FloatField, Sum, Value
from django.db.models.functions import Floor, Greatest, Ln, TruncHour

from .entries import Outcome
from .models import UsageRecord

_SHORTEST_S = 0.001
_CLASSES_PER_E = 5
"""Neighbouring classes of duration differ by a fifth: e^(1/5) is 1.22."""


@dataclass(slots=True)
class Sums:
    """Of the requests that began in some time. `durations`: of those completed, how many of which class."""

    outcomes: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    durations: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        return self.outcomes[Outcome.FAILED]

    @property
    def refused(self) -> int:
        return self.outcomes[Outcome.REFUSED]

    @property
    def answered(self) -> int:
        """Completed, or left by the client before the end."""
        return self.requests - self.failed - self.refused

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def duration_s(self, quantile: float) -> float | None:
        """What this share of the completed requests stayed below; None if none was completed."""
        wanted = quantile * self.durations.total()
        for number in sorted(self.durations):
            wanted -= self.durations[number]
            if wanted <= 0:
                return math.exp((number + 0.5) / _CLASSES_PER_E)
        return None

    def add(self, other: Sums) -> None:
        self.outcomes += other.outcomes
        self.durations += other.durations
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens


@dataclass(frozen=True, slots=True)
class HourSums:
    """`began` is a whole hour in UTC."""

    began: datetime
    sums: Sums


def whole_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hourly_sums(now: datetime, *, hours: int = 24) -> list[HourSums]:
    """The hour of `now` and those before it, oldest first; an hour without a request is there too."""
    last = whole_hour(now)
    by_hour = {last - timedelta(hours=back): Sums() for back in range(hours - 1, -1, -1)}
    for began, outcome, duration_class, requests, prompt_tokens, completion_tokens in _rows(min(by_hour)):
        if began in by_hour:  # not in the future, by another clock
            sums = by_hour[began]
            sums.outcomes[outcome] += requests
            sums.prompt_tokens += prompt_tokens
            sums.completion_tokens += completion_tokens
            if outcome == Outcome.COMPLETED:
                sums.durations[int(duration_class)] += requests
    return [HourSums(began, sums) for began, sums in by_hour.items()]


def total(hours: Iterable[HourSums]) -> Sums:
    sums = Sums()
    for hour in hours:
        sums.add(hour.sums)
    return sums


def _rows(first: datetime) -> Iterable[tuple[datetime, str, float, int, int, int]]:
    duration = Greatest(F("duration_s"), Value(_SHORTEST_S), output_field=FloatField())
    return (
        UsageRecord.objects.filter(at__gte=first)
        .order_by()
        .values(
            began=TruncHour("at", tzinfo=UTC),
            of_outcome=F("outcome"),
            duration_class=Floor(Ln(duration) * _CLASSES_PER_E),
        )
        .annotate(
            requests=Count("pk"),
            sum_of_prompt_tokens=Sum("prompt_tokens"),
            sum_of_completion_tokens=Sum("completion_tokens"),
        )
        .values_list(
            "began",
            "of_outcome",
            "duration_class",
            "requests",
            "sum_of_prompt_tokens",
            "sum_of_completion_tokens",
        )
    )
