from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from apikeys import issuing
from apikeys.models import ApiKey
from tests.database_outages import database_out_of_reach, end_other_connections
from tests.usage.entries import AT, entry
from usage import records
from usage.entries import Outcome, UsageEntry
from usage.models import UsageRecord
from usage.writer import UsageWriter


def wait_for_records(count: int, *, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while UsageRecord.objects.count() < count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def stored_ids() -> list[str]:
    return list(UsageRecord.objects.order_by("pk").values_list("request_id", flat=True))


def test_record_is_stored_as_it_was_given(writer: UsageWriter, key: ApiKey) -> None:
    given = entry(
        key,
        request_id="abc",
        is_streamed=True,
        outcome=Outcome.FAILED,
        error_code="backend_error",
        is_estimated=True,
        duration_s=1.25,
        first_token_s=0.125,
    )

    writer.record(given)
    assert writer.flush(timeout_s=10)

    row = UsageRecord.objects.get()
    shown = UsageEntry(
        **{name: getattr(row, name) for name in UsageEntry.__slots__ if name != "outcome"},
        outcome=Outcome(row.outcome),
    )
    assert shown == given


def test_record_of_a_page_has_a_user_and_no_key(writer: UsageWriter) -> None:
    writer.record(replace(entry(0), api_key_id=None, user_id=7, user_name="mina"))
    assert writer.flush(timeout_s=10)

    row = UsageRecord.objects.get()
    assert (row.api_key, row.user_id, row.user_name) == (None, 7, "mina")


def test_record_is_stored_without_a_flush(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(entry(key))

    wait_for_records(1)


def test_entries_that_come_together_are_written_at_once_and_in_order(
    writer: UsageWriter, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = count_batches(monkeypatch)

    for number in range(100):
        writer.record(entry(key, request_id=f"r-{number}"))
    writer.flush(timeout_s=10)

    assert stored_ids() == [f"r-{number}" for number in range(100)]
    assert len(batches) <= 3


def count_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    batches: list[int] = []

    def counted(entries) -> None:
        batches.append(len(entries))
        records.store(entries)

    monkeypatch.setattr("usage.writer.store", counted)
    return batches


def test_entries_of_many_threads_are_all_stored_once(writer: UsageWriter, key: ApiKey) -> None:
    def record(thread: int) -> None:
        for number in range(250):
            writer.record(entry(key, request_id=f"{thread}-{number}"))

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(record, range(8)))
    assert writer.flush(timeout_s=30)

    ids = stored_ids()
    assert len(ids) == len(set(ids)) == 2000


def test_flush_of_nothing_returns_at_once_and_starts_no_thread(writer: UsageWriter) -> None:
    before = threading.active_count()

    assert writer.flush(timeout_s=0)

    assert threading.active_count() == before


def test_stop_stores_what_waits_and_ends_the_thread(writer: UsageWriter, key: ApiKey) -> None:
    before = threading.active_count()
    for _ in range(50):
        writer.record(entry(key))

    writer.stop(timeout_s=10)

    assert UsageRecord.objects.count() == 50
    assert threading.active_count() == before


def test_record_after_a_stop_is_stored_too(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(entry(key))
    writer.stop(timeout_s=10)

    writer.record(entry(key))

    assert writer.flush(timeout_s=10)
    assert UsageRecord.objects.count() == 2


def test_texts_that_no_database_takes_are_mended(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(
        entry(key, request_id="a\x00b" + "c" * 100, model_name="half \ud800 pair", config_name="큰 모델 🙂")
    )
    assert writer.flush(timeout_s=10)

    row = UsageRecord.objects.get()
    assert row.request_id == "a\ufffdb" + "c" * 61
    assert row.model_name == "half \ufffd pair"
    assert row.config_name == "큰 모델 🙂"


def test_counts_that_no_column_takes_are_cut(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(entry(key, prompt_tokens=2**31, completion_tokens=-1))
    assert writer.flush(timeout_s=10)

    row = UsageRecord.objects.get()
    assert (row.prompt_tokens, row.completion_tokens) == (2**31 - 1, 0)


def test_entry_that_cannot_be_stored_is_logged_and_keeps_back_no_other(
    writer: UsageWriter, key: ApiKey
) -> None:
    with capture_logs() as logs:
        for number in range(20):
            is_poisoned = number in (0, 7, 8)
            writer.record(entry(key, request_id=f"r-{number}", config_id=2**63 if is_poisoned else 1))
        assert writer.flush(timeout_s=10)

    assert stored_ids() == [f"r-{number}" for number in range(20) if number not in (0, 7, 8)]
    refused = [log["entry"].request_id for log in logs if log["event"] == "usage_entry_refused"]
    assert refused == ["r-0", "r-7", "r-8"]


def test_entry_of_a_deleted_key_keeps_back_no_other(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(entry(987_654))
    writer.record(entry(key, request_id="mine"))
    assert writer.flush(timeout_s=10)

    assert stored_ids() == ["mine"]


def test_entries_wait_while_the_database_is_away_and_are_stored_once_when_it_is_back(
    writer: UsageWriter, key: ApiKey
) -> None:
    with capture_logs() as logs:
        with database_out_of_reach():
            for number in range(10):
                writer.record(entry(key, request_id=f"r-{number}"))
            assert not writer.flush(timeout_s=0.3)
        assert writer.flush(timeout_s=20)

    assert stored_ids() == [f"r-{number}" for number in range(10)]
    events = [log["event"] for log in logs]
    assert events.count("usage_waits_for_database") == 1
    assert events.count("usage_is_stored_again") == 1


def test_stop_returns_and_says_what_is_not_stored_while_the_database_is_away(
    writer: UsageWriter, key: ApiKey
) -> None:
    with capture_logs() as logs, database_out_of_reach():
        writer.record(entry(key))
        began_at = time.monotonic()
        writer.stop(timeout_s=0.2)
        took_s = time.monotonic() - began_at

    assert took_s < 3
    assert [log["entries"] for log in logs if log["event"] == "usage_not_stored"] == [1]


def test_no_more_than_the_bound_waits_and_what_is_dropped_is_counted(
    transactional_db: None, key: ApiKey
) -> None:
    writer = UsageWriter(most_waiting=10)
    with capture_logs() as logs:
        with database_out_of_reach():
            for number in range(35):
                writer.record(entry(key, request_id=f"r-{number}"))
            writer.flush(timeout_s=0.3)
        assert writer.flush(timeout_s=20)
    writer.stop(timeout_s=10)

    assert stored_ids() == [f"r-{number}" for number in range(25, 35)]
    assert sum(log["entries"] for log in logs if log["event"] == "usage_entries_dropped") == 25


@pytest.mark.postgresql
def test_broken_connection_is_replaced_without_a_fuss(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(entry(key))
    writer.flush(timeout_s=10)

    with capture_logs() as logs:
        assert end_other_connections() >= 1
        writer.record(entry(key))
        assert writer.flush(timeout_s=10)

    assert UsageRecord.objects.count() == 2
    assert logs == []


def test_error_that_nobody_expects_neither_ends_the_thread_nor_loses_an_entry(
    writer: UsageWriter, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([MemoryError(), KeyError("surprise")])

    def fail_twice(entries) -> None:
        for failure in failures:
            raise failure
        records.store(entries)

    monkeypatch.setattr("usage.writer.store", fail_twice)

    writer.record(entry(key))

    assert writer.flush(timeout_s=10)
    assert UsageRecord.objects.count() == 1


def test_thread_that_dies_says_so_and_the_next_entry_starts_another(
    writer: UsageWriter, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(entries) -> None:
        monkeypatch.setattr("usage.writer.store", records.store)
        raise SystemExit

    monkeypatch.setattr("usage.writer.store", die)
    with capture_logs() as logs:
        writer.record(entry(key, request_id="first"))
        assert not writer.flush(timeout_s=0.3)

    writer.record(entry(key, request_id="second"))

    assert writer.flush(timeout_s=10)
    assert stored_ids() == ["first", "second"]
    assert [log["event"] for log in logs] == ["usage_writer_died"]


def test_keys_last_use_is_noted(writer: UsageWriter, key: ApiKey) -> None:
    unused = issuing.issue(name="Unused", scopes=["read"]).key

    writer.record(entry(key, outcome=Outcome.REFUSED))
    writer.stop(timeout_s=10)

    key.refresh_from_db()
    unused.refresh_from_db()
    assert key.last_used_at is not None
    assert timezone.now() - key.last_used_at < timedelta(seconds=10)
    assert unused.last_used_at is None


def test_keys_last_use_is_written_once_a_minute(writer: UsageWriter, key: ApiKey) -> None:
    writer.record(entry(key))
    writer.flush(timeout_s=10)
    writer.stop(timeout_s=10)
    ApiKey.objects.update(last_used_at=AT)

    writer.record(entry(key))
    writer.stop(timeout_s=10)

    key.refresh_from_db()
    assert key.last_used_at == AT
