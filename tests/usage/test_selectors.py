from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys import issuing
from apikeys.models import ApiKey
from llmconfigs.models import LLMConfig
from tests.usage.entries import entry
from usage import records, selectors
from usage.entries import Outcome
from usage.selectors import ConfigUse, DaySums, daily_sums, requests_of_day, uses_of_configs

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


def configs(*names: str) -> list[LLMConfig]:
    return [LLMConfig.objects.create(name=name, provider="dummy") for name in names]


def test_use_of_each_configuration_is_its_last_and_how_often_since(key: ApiKey) -> None:
    used, used_before, unused = configs("a", "b", "c")
    moments = [at(1), at(2, 8), at(2, 9), at(2, 8, 30)]
    records.store([entry(key, config_id=used.pk, at=moment) for moment in moments])
    records.store([entry(key, config_id=used_before.pk, at=at(1)), entry(key, config_id=None, at=at(2))])

    uses = uses_of_configs([used.pk, used_before.pk, unused.pk, 999], since=at(2, 0))

    assert uses == {
        used.pk: ConfigUse(at(2, 9), requests=3),
        used_before.pk: ConfigUse(at(1), requests=0),
        unused.pk: ConfigUse(None, requests=0),
    }


def test_use_is_counted_up_to_a_bound(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "MOST_COUNTED", 3)
    exact, more = configs("a", "b")
    records.store([entry(key, config_id=exact.pk)] * 3 + [entry(key, config_id=more.pk)] * 9)

    uses = uses_of_configs([exact.pk, more.pk], since=at(1))

    assert uses[exact.pk] == ConfigUse(entry(key).at, requests=3)
    assert uses[more.pk] == ConfigUse(entry(key).at, requests=3, has_more=True)


def test_uses_are_one_query(key: ApiKey, django_assert_num_queries: Any) -> None:
    ids = [config.pk for config in configs(*"abcdefgh")]

    with django_assert_num_queries(1):
        uses_of_configs(ids, since=at(1))


def test_requests_of_day_are_counted_for_each_key(key: ApiKey) -> None:
    other = issuing.issue(name="Other", scopes=["read"]).key
    idle = issuing.issue(name="Idle", scopes=["read"]).key
    records.store(
        [
            entry(key, at=at(2, 0)),
            entry(key, at=at(2, 23, 59)),
            entry(key, at=at(2), outcome=Outcome.FAILED),
            entry(key, at=at(2), outcome=Outcome.REFUSED),
            entry(key, at=at(1, 23, 59)),
            entry(key, at=at(3, 0)),
            entry(other, at=at(2)),
        ]
    )

    assert requests_of_day([key.pk, idle.pk], date(2026, 3, 2)) == {key.pk: 3}


@pytest.mark.postgresql
def test_uses_are_read_from_the_index_of_the_configurations_alone(key: ApiKey) -> None:
    """Through that of the times, the last use of one that was never used is looked for in all records."""
    used, unused = configs("a", "b")
    records.store([entry(key, config_id=used.pk)] * 2_000)

    with CaptureQueriesContext(connection) as queries:
        uses_of_configs([used.pk, unused.pk], since=at(1))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE usage_usagerecord")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")  # which it takes for few records
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert plan.count("usage_by_config") == 2, plan
    assert "usage_by_time" not in plan
    assert "Sort" not in plan
