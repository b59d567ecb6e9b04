"""Days as people name them, in the time zone of the settings."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone


def beginning_of(day: str) -> datetime:
    """Of a day like 2026-01-31. Raises ValueError."""
    return _beginning(day, later=0)


def end_of(day: str) -> datetime:
    """The moment at which the day is over. Raises ValueError."""
    return _beginning(day, later=1)


def _beginning(day: str, *, later: int) -> datetime:
    try:
        midnight = datetime.combine(date.fromisoformat(day) + timedelta(days=later), time())
        return timezone.make_aware(midnight).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{day} is too far away") from None
