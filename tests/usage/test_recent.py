from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.test.utils import CaptureQueriesContext

from apikeys.models import ApiKey
from usage.entries import Outcome
from usage.recent import hourly_sums, total
from usage.records import store

from .entries import entry

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.mark.django_db
def test_hours_without_a_request_are_there() -> None:
    hours = hourly_sums(NOW, hours=3)

    assert [hour.began.hour for hour in hours] == [10, 11, 12]
    assert total(hours).requests == 0
    assert total(hours).duration_s(0.5) is None


def test_requests_count_in_the_hour_they_began(key: ApiKey) -> None:
    store(
        [
            entry(key, request_id="a", at=NOW - timedelta(hours=1)),
            entry(key, request_id="b", at=NOW),
            entry(key, request_id="c", at=NOW),
            entry(key, request_id="too early", at=NOW - timedelta(hours=2)),
            entry(key, request_id="another clock", at=NOW + timedelta(hours=1)),
        ]
    )

    hours = hourly_sums(NOW, hours=2)

    assert [hour.sums.requests for hour in hours] == [1, 2]
    assert total(hours).total_tokens == 3 * 5


def test_outcomes_are_told_apart(key: ApiKey) -> None:
    outcomes = [Outcome.COMPLETED] * 3 + [Outcome.CANCELLED, Outcome.FAILED, Outcome.REFUSED, Outcome.REFUSED]
    store([entry(key, request_id=str(n), at=NOW, outcome=each) for n, each in enumerate(outcomes)])

    sums = total(hourly_sums(NOW))

    assert (sums.requests, sums.answered, sums.failed, sums.refused) == (7, 4, 1, 2)


def test_quantiles_are_right_to_a_tenth(key: ApiKey) -> None:
    source = random.Random(4)
    durations = sorted(source.lognormvariate(0.3, 1.2) for _ in range(500))
    store([entry(key, request_id=str(n), at=NOW, duration_s=each) for n, each in enumerate(durations)])

    sums = total(hourly_sums(NOW))

    assert sums.duration_s(0.5) == pytest.approx(durations[249], rel=0.11)
    assert sums.duration_s(0.95) == pytest.approx(durations[474], rel=0.11)


def test_quantiles_leave_out_what_was_not_completed(key: ApiKey) -> None:
    store(
        [
            entry(key, request_id="a", at=NOW, duration_s=0.0),
            entry(key, request_id="b", at=NOW, duration_s=500.0, outcome=Outcome.FAILED),
        ]
    )

    assert total(hourly_sums(NOW)).duration_s(1.0) == pytest.approx(0.001, rel=0.11)


def test_one_query_reads_it_all(key: ApiKey) -> None:
    from django.db import connection

    store([entry(key, request_id=str(hour), at=NOW - timedelta(hours=hour)) for hour in range(5)])

    with CaptureQueriesContext(connection) as queries:
        hourly_sums(NOW)

    assert len(queries) == 1
