from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from apikeys import issuing
from apikeys.models import ApiKey
from tests.usage.entries import entry
from usage import records
from usage.entries import Outcome
from usage.selectors import DaySums, daily_sums

FIRST, LAST = date(2026, 2, 27), date(2026, 3, 2)


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_sums_are_of_each_day(key: ApiKey) -> None:
    records.store(
        [
            entry(key, at=at(2), prompt_tokens=100, completion_tokens=50),
            entry(key, at=at(1)),
            entry(key, at=at(2), is_estimated=True, prompt_tokens=7, completion_tokens=1),
        ]
    )

    sums = daily_sums(key.pk, FIRST, LAST)

    assert sums == [
        DaySums(date(2026, 3, 1), requests=1, prompt_tokens=3, completion_tokens=2),
        DaySums(date(2026, 3, 2), requests=2, prompt_tokens=107, completion_tokens=51),
    ]
    assert [each.total_tokens for each in sums] == [5, 158]


def test_days_begin_at_midnight_in_utc(key: ApiKey, settings) -> None:
    settings.TIME_ZONE = "Asia/Seoul"
    seoul = timezone(timedelta(hours=9))
    records.store(
        [
            entry(key, at=datetime(2026, 2, 26, 23, 59, 59, 999_999, tzinfo=UTC)),
            entry(key, at=datetime(2026, 2, 27, tzinfo=UTC)),
            entry(key, at=datetime(2026, 3, 2, 0, 30, tzinfo=seoul).astimezone(UTC)),
            entry(key, at=datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC)),
            entry(key, at=datetime(2026, 3, 3, tzinfo=UTC)),
        ]
    )

    days = [(each.day, each.requests) for each in daily_sums(key.pk, FIRST, LAST)]

    assert days == [(date(2026, 2, 27), 1), (date(2026, 3, 1), 1), (date(2026, 3, 2), 1)]


def test_sums_are_of_one_key_alone(key: ApiKey) -> None:
    other = issuing.issue(name="Other", scopes=["read"]).key
    records.store([entry(other, at=at(1)), entry(key, at=at(1), prompt_tokens=1, completion_tokens=1)])

    assert [each.total_tokens for each in daily_sums(key.pk, FIRST, LAST)] == [2]


@pytest.mark.parametrize(
    ("outcome", "count"),
    [(Outcome.COMPLETED, 1), (Outcome.FAILED, 1), (Outcome.CANCELLED, 1), (Outcome.REFUSED, 0)],
)
def test_requests_that_were_turned_away_do_not_count(key: ApiKey, outcome: Outcome, count: int) -> None:
    records.store([entry(key, at=at(1), outcome=outcome)])

    assert sum(each.requests for each in daily_sums(key.pk, FIRST, LAST)) == count


def test_sums_take_one_query(key: ApiKey, django_assert_num_queries) -> None:
    records.store([entry(key, at=at(day)) for day in (1, 2, 3)])

    with django_assert_num_queries(1):
        daily_sums(key.pk, FIRST, LAST)
