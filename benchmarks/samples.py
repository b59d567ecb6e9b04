"""Many measured times, told in a few numbers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds; all 0 where nothing was measured."""

    count: int
    median_ms: float
    p95_ms: float
    p99_ms: float


def spread(seconds: Sequence[float]) -> Spread:
    if not seconds:
        return Spread(0, 0, 0, 0)
    ordered = sorted(seconds)
    return Spread(len(ordered), *(_at(ordered, share) * 1000 for share in (0.5, 0.95, 0.99)))


def _at(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the others lies, to the nearest one."""
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0
