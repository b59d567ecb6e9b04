from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import structlog

from epochs import current
from epochs.advancing import advance
from epochs.connection import KeptConnection
from epochs.current import EpochReader, Epochs
from epochs.errors import EpochsUnknown
from epochs.models import Epoch
from epochs.subjects import Subject
from tests.asyncio_support import run_async
from tests.database_outages import database_out_of_reach, database_that_hangs, end_other_connections
from tests.epochs.support import number_of, running_beside

pytestmark = pytest.mark.django_db(transaction=True)


class CountingConnection(KeptConnection):
    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self) -> dict[str, int]:
        self.reads += 1
        return super().read()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(clock: Clock) -> Iterator[EpochReader]:
    reader = EpochReader(clock=clock)
    reader._connection = CountingConnection()
    yield reader
    reader.close()


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def out_of_reach(reader: EpochReader) -> Any:
    reader.close()
    return database_out_of_reach()


def test_current_is_what_the_database_says(reader: EpochReader) -> None:
    assert run_async(reader.current()) == Epochs(*map(number_of, Subject))


def test_subject_that_never_changed_is_zero(reader: EpochReader) -> None:
    Epoch.objects.filter(subject=Subject.KEYS).delete()

    assert run_async(reader.current()).keys == 0


def test_current_sees_whatever_was_committed_before_the_call(reader: EpochReader) -> None:
    """Hundreds of changes, each by this thread, while callers on other loops keep the reader busy."""

    async def call_until(stop: Callable[[], bool]) -> None:
        async def call() -> None:
            while not stop():
                await reader.current()

        await asyncio.gather(*(call() for _ in range(8)))

    with (
        running_beside(lambda stop: asyncio.run(call_until(stop.is_set)), threads=2),
        asyncio.Runner() as loop,
    ):
        for _ in range(300):
            advance(Subject.CONFIGS)
            assert loop.run(reader.current()).configs == number_of(Subject.CONFIGS)


def test_callers_at_once_share_a_read(reader: EpochReader) -> None:
    async def scenario() -> None:
        for _ in range(10):
            await asyncio.gather(*(reader.current() for _ in range(1000)))

    run_async(scenario())

    assert reader._connection.reads <= 500  # type: ignore[attr-defined]


def test_several_event_loops_are_served_at_once(reader: EpochReader) -> None:
    async def call_often() -> set[Epochs]:
        return {await reader.current() for _ in range(200)}

    with ThreadPoolExecutor(4) as executor:
        seen = list(executor.map(lambda _: run_async(call_often()), range(4)))

    assert seen == [{Epochs(*map(number_of, Subject))}] * 4


@pytest.mark.postgresql
def test_connection_that_was_cut_is_replaced_unnoticed(reader: EpochReader, logs: list[Any]) -> None:
    before = run_async(reader.current())
    end_other_connections()

    assert run_async(reader.current()) == before
    assert logs == []


def test_last_known_epochs_serve_while_the_database_is_down(reader: EpochReader, clock: Clock) -> None:
    before = run_async(reader.current())

    with out_of_reach(reader):
        clock.now += 59
        during = run_async(reader.current())

    assert during == replace(before, is_stale=True)
    assert run_async(reader.current()) == before


def test_grace_ends(reader: EpochReader, clock: Clock) -> None:
    before = run_async(reader.current())

    with out_of_reach(reader):
        clock.now += 61
        with pytest.raises(EpochsUnknown):
            run_async(reader.current())

    assert run_async(reader.current()) == before


def test_grace_can_be_switched_off(reader: EpochReader, settings: Any) -> None:
    settings.EPOCH_GRACE_S = 0
    run_async(reader.current())

    with out_of_reach(reader), pytest.raises(EpochsUnknown):
        run_async(reader.current())


def test_nothing_is_made_up_by_a_process_that_never_read(reader: EpochReader) -> None:
    with out_of_reach(reader), pytest.raises(EpochsUnknown):
        run_async(reader.current())


def test_outage_is_loud_once_then_once_a_minute_and_ends_with_its_duration(
    reader: EpochReader, clock: Clock, logs: list[Any]
) -> None:
    run_async(reader.current())
    with out_of_reach(reader):
        for _ in range(5):
            clock.now += 14
            asyncio.run(ignoring_unknown(reader))
    clock.now += 5
    run_async(reader.current())

    assert [(each["log_level"], each["event"]) for each in logs] == [
        ("error", "database_unreachable"),
        ("info", "database_reachable_again"),
    ]
    assert logs[0]["last_known_serves_for_s"] == 46
    assert logs[1]["after_s"] == 61


async def ignoring_unknown(reader: EpochReader) -> None:
    try:
        await reader.current()
    except EpochsUnknown:
        return


def test_outage_is_recalled_after_a_minute(reader: EpochReader, clock: Clock, logs: list[Any]) -> None:
    run_async(reader.current())
    with out_of_reach(reader):
        for wait_s in (10, 59, 1):
            clock.now += wait_s
            asyncio.run(ignoring_unknown(reader))

    assert [each["since_s"] for each in logs] == [0, 60]


@pytest.mark.postgresql
def test_database_that_hangs_is_waited_for_once(
    reader: EpochReader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "PATIENCE_S", 0.5)
    before = run_async(reader.current())
    reader.close()
    waited_s = []

    async def call() -> Epochs:
        began_at = time.monotonic()
        epochs = await reader.current()
        waited_s.append(time.monotonic() - began_at)
        return epochs

    async def scenario() -> list[Epochs]:
        at_once = await asyncio.gather(*(call() for _ in range(20)))
        return [*at_once, *[await call() for _ in range(5)]]

    with database_that_hangs():
        during = run_async(scenario())
    after = run_async(until_fresh(reader))

    assert {(each.configs, each.is_stale) for each in during} == {(before.configs, True)}
    assert min(waited_s[:20]) == pytest.approx(0.5, abs=0.2)
    assert max(waited_s[:20]) == pytest.approx(0.5, abs=0.2)
    assert max(waited_s[20:]) < 0.3
    assert after == before


async def until_fresh(reader: EpochReader) -> Epochs:
    """The connection that hangs is given up after its time-out."""
    while (epochs := await reader.current()).is_stale:
        pass
    return epochs


def test_all_of_a_process_share_one_reader() -> None:
    assert run_async(current.current()) == Epochs(*map(number_of, Subject))
