from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys import issuing
from apikeys.models import ApiKey
from tests.usage.entries import entry
from usage.recent import total
from usage.records import store
from web.dashboard.usage_now import FRESH_S, HOURS, UsageNow

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def key(db: None) -> ApiKey:
    return issuing.issue(name="Client", scopes=["generate"]).key


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def usage_now(clock: Clock) -> UsageNow:
    return UsageNow(clock)


def requests_of(usage_now: UsageNow, now: datetime = NOW) -> int:
    return total(usage_now.hours(now)).requests


def test_usage_is_of_a_day(usage_now: UsageNow, key: ApiKey) -> None:
    assert [hour.began.hour for hour in usage_now.hours(NOW)] == [*range(13, 24), *range(13)]


def test_usage_is_shared_for_a_moment(usage_now: UsageNow, key: ApiKey) -> None:
    requests_of(usage_now)
    store([entry(key, at=NOW)])

    with CaptureQueriesContext(connection) as queries:
        assert requests_of(usage_now) == 0

    assert len(queries) == 0


def test_usage_of_the_latest_hours_is_read_again(usage_now: UsageNow, clock: Clock, key: ApiKey) -> None:
    requests_of(usage_now)
    store([entry(key, at=NOW), entry(key, request_id="b", at=NOW - timedelta(hours=2))])
    clock.now += FRESH_S

    assert requests_of(usage_now) == 2


def test_usage_of_older_hours_is_kept(usage_now: UsageNow, clock: Clock, key: ApiKey) -> None:
    store([entry(key, at=NOW - timedelta(hours=9))])
    requests_of(usage_now)
    store([entry(key, request_id="late", at=NOW - timedelta(hours=9))])
    clock.now += FRESH_S

    assert requests_of(usage_now) == 1


def test_usage_is_all_read_again_in_the_end(usage_now: UsageNow, clock: Clock, key: ApiKey) -> None:
    requests_of(usage_now)
    store([entry(key, at=NOW - timedelta(hours=9))])
    clock.now += 900

    assert requests_of(usage_now) == 1


@pytest.mark.parametrize("later", [1, 2, 5, 40])
def test_usage_moves_on_with_the_hours(usage_now: UsageNow, clock: Clock, key: ApiKey, later: int) -> None:
    store([entry(key, at=NOW)])
    requests_of(usage_now)
    clock.now += 60
    now = NOW + timedelta(hours=later)

    hours = usage_now.hours(now)

    assert len(hours) == HOURS
    assert all(after.began - before.began == timedelta(hours=1) for before, after in pairwise(hours))
    assert hours[-1].began == now.replace(minute=0)
    assert total(hours).requests == (1 if later < HOURS else 0)
