"""Redis stopped, frozen and back: requests go on, quickly, and staff read about it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
import structlog

from apikeys import limits
from apikeys.errors import TooManyAtOnce
from apikeys.limits import admission
from apikeys.limits.failover import PAUSE_S, REMINDER_S, Failover
from apikeys.limits.shared import TIMEOUT_S, SharedStore
from apikeys.limits.stores import LocalStore, Store
from tests.apikeys.limits_support import key
from tests.asyncio_support import run_async
from tests.servers import ValkeyProcess, free_port, running_valkey


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def valkey() -> Iterator[ValkeyProcess]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def logged() -> Iterator[list[dict[str, object]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def with_failover(url: str, scenario: Callable[[Failover, Clock], Awaitable[None]]) -> None:
    async def bounded() -> None:
        clock = Clock()
        failover = Failover(SharedStore(url), LocalStore(), clock=clock)
        try:
            await scenario(failover, clock)
        finally:
            await failover.aclose()

    run_async(bounded())


async def store_used(failover: Failover) -> type:
    async def take(store: Store) -> type:
        await store.take_slot("co_test", 100)
        return type(store)

    return await failover.use(take)


def test_a_stopped_redis_is_replaced_and_found_again(
    valkey: ValkeyProcess, logged: list[dict[str, object]]
) -> None:
    async def scenario(failover: Failover, clock: Clock) -> None:
        assert await store_used(failover) is SharedStore
        valkey.stop()
        assert await store_used(failover) is LocalStore
        valkey.start()
        assert await store_used(failover) is LocalStore
        clock.now += PAUSE_S
        assert await store_used(failover) is SharedStore

    with_failover(valkey.url, scenario)
    assert [entry["log_level"] for entry in logged] == ["error", "warning"]
    assert logged[1]["away_s"] == PAUSE_S


def test_an_outage_is_told_once_and_then_reminded_of(logged: list[dict[str, object]]) -> None:
    async def scenario(failover: Failover, clock: Clock) -> None:
        for _ in range(10):
            await store_used(failover)
            clock.now += PAUSE_S
        assert len(logged) == 1
        clock.now += REMINDER_S
        await store_used(failover)

    with_failover(f"redis://127.0.0.1:{free_port()}/0", scenario)
    assert [entry["log_level"] for entry in logged] == ["error", "error"]


def test_a_frozen_redis_holds_one_request_up_for_a_moment(valkey: ValkeyProcess) -> None:
    async def scenario(failover: Failover, clock: Clock) -> None:
        assert await store_used(failover) is SharedStore
        assert valkey.process is not None
        valkey.process.send_signal(signal.SIGSTOP)
        started = time.perf_counter()
        assert await store_used(failover) is LocalStore
        first_s = time.perf_counter() - started
        for _ in range(100):
            assert await store_used(failover) is LocalStore
        others_s = time.perf_counter() - started - first_s
        clock.now += PAUSE_S
        tries = await asyncio.gather(*(timed(store_used(failover)) for _ in range(20)))
        valkey.process.send_signal(signal.SIGCONT)

        assert TIMEOUT_S * 0.5 < first_s < TIMEOUT_S * 4
        assert others_s < TIMEOUT_S
        assert len([seconds for seconds in tries if seconds > TIMEOUT_S * 0.5]) == 1

    with_failover(valkey.url, scenario)


def test_admissions_cross_an_outage(
    valkey: ValkeyProcess, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot goes back to where it came from, though the other store is in use by then."""
    settings.REDIS_URL = valkey.url  # type: ignore[attr-defined]
    monkeypatch.setattr(admission, "_local", LocalStore())

    async def scenario() -> None:
        shared = await limits.admit(key(at_once=1, per_minute=100))
        valkey.stop()
        local = await limits.admit(key(at_once=1, per_minute=100))
        with pytest.raises(TooManyAtOnce):
            await limits.admit(key(at_once=1, per_minute=100))
        await shared.release()
        with pytest.raises(TooManyAtOnce):
            await limits.admit(key(at_once=1, per_minute=100))
        await local.release()
        await limits.admit(key(at_once=1, per_minute=100))
        await limits.close()

    run_async(scenario())


def test_the_setting_chooses_redis_on_every_event_loop(valkey: ValkeyProcess, settings: object) -> None:
    settings.REDIS_URL = valkey.url  # type: ignore[attr-defined]

    async def remaining() -> str:
        try:
            return (await limits.admit(key(per_minute=9))).headers["X-RateLimit-Remaining-Requests"]
        finally:
            await limits.close()

    assert [run_async(remaining()) for _ in range(3)] == ["8", "7", "6"]


async def timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started
