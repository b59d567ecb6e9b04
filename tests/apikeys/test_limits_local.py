"""Without REDIS_URL: each process counts for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from apikeys import limits
from apikeys.errors import RateLimited, TooManyAtOnce, TooManyPerMinute
from apikeys.limits import admission
from apikeys.limits.stores import LocalStore
from tests.apikeys.limits_support import Clock, key
from tests.asyncio_support import run_async


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    store = LocalStore()
    monkeypatch.setattr(admission, "_local", store)
    return store


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr("limits.storage.memory.time", clock)
    return clock


async def admitted(per_minute: int, times: int) -> list[bool]:
    async def one() -> bool:
        try:
            await limits.admit(key(per_minute=per_minute))
        except TooManyPerMinute:
            return False
        return True

    return [await one() for _ in range(times)]


@pytest.mark.parametrize(
    ("own", "setting", "limited"), [(None, 0, False), (None, 5, True), (0, 5, False), (5, 0, True)]
)
def test_a_key_has_its_own_number_else_the_setting(
    settings: object, own: int | None, setting: int, limited: bool
) -> None:
    settings.API_REQUESTS_PER_MINUTE = setting  # type: ignore[attr-defined]
    assert limits.is_limited(key(per_minute=own)) is limited

    settings.API_REQUESTS_PER_MINUTE = 0  # type: ignore[attr-defined]
    settings.API_CONCURRENT_REQUESTS = setting  # type: ignore[attr-defined]
    assert limits.is_limited(key(at_once=own)) is limited


def test_a_key_without_limits_is_let_in_without_waiting() -> None:
    coroutine = limits.admit(key())

    with pytest.raises(StopIteration) as finished:
        coroutine.send(None)

    assert finished.value.value is limits.NO_LIMIT
    assert limits.NO_LIMIT.headers == {}


def test_requests_of_a_minute_are_counted_down_and_refused(clock: Clock) -> None:
    async def scenario() -> None:
        first = await limits.admit(key(per_minute=2))
        second = await limits.admit(key(per_minute=2))

        assert first.headers["X-RateLimit-Limit-Requests"] == "2"
        assert first.headers["X-RateLimit-Remaining-Requests"] == "1"
        assert second.headers["X-RateLimit-Remaining-Requests"] == "0"
        with pytest.raises(TooManyPerMinute) as refused:
            await limits.admit(key(per_minute=2))
        assert (refused.value.limit, refused.value.remaining) == (2, 0)
        assert refused.value.retry_after_s == pytest.approx(60, abs=0.01)
        assert refused.value.headers["X-RateLimit-Remaining-Requests"] == "0"
        assert "2 requests per minute" in refused.value.message

    run_async(scenario())


def test_the_next_minute_begins_where_the_last_ends(clock: Clock) -> None:
    async def scenario() -> None:
        clock.now = 6030.0
        assert await admitted(4, 5) == [True] * 4 + [False]
        clock.now = 6059.9
        assert await admitted(4, 1) == [False]
        clock.now = 6060.1  # 4 * 59.9 / 60 is less than 4
        assert await admitted(4, 2) == [True, False]
        clock.now = 6090.0  # 4 * 30 / 60 + 1
        assert await admitted(4, 2) == [True, False]
        clock.now = 6180.0  # two minutes after the last
        assert await admitted(4, 5) == [True] * 4 + [False]

    run_async(scenario())


def test_a_request_fits_when_retry_after_said_so(clock: Clock) -> None:
    async def scenario() -> None:
        await admitted(3, 3)
        with pytest.raises(TooManyPerMinute) as refused:
            await limits.admit(key(per_minute=3))
        clock.now += refused.value.retry_after_s
        assert await admitted(3, 1) == [True]

    run_async(scenario())


def test_keys_do_not_share_a_limit(clock: Clock) -> None:
    async def scenario() -> None:
        await limits.admit(key(per_minute=1, at_once=1, prefix="co_a"))
        await limits.admit(key(per_minute=1, at_once=1, prefix="co_b"))

    run_async(scenario())


def test_requests_at_the_same_time_are_refused_until_one_is_released() -> None:
    async def scenario() -> None:
        running = [await limits.admit(key(at_once=2)) for _ in range(2)]
        with pytest.raises(TooManyAtOnce, match="2 requests running") as refused:
            await limits.admit(key(at_once=2))
        assert refused.value.retry_after_s == 1
        assert refused.value.headers == {}

        await running[0].release()
        await running[0].release()

        async with await limits.admit(key(at_once=2)) as third:
            assert third.headers == {}
            with pytest.raises(TooManyAtOnce):
                await limits.admit(key(at_once=2))
        await limits.admit(key(at_once=2))

    run_async(scenario())


def test_refused_for_running_requests_costs_nothing_of_the_minute(clock: Clock) -> None:
    async def scenario() -> None:
        async with await limits.admit(key(per_minute=3, at_once=1)):
            for _ in range(5):
                with pytest.raises(TooManyAtOnce):
                    await limits.admit(key(per_minute=3, at_once=1))
        after = await limits.admit(key(per_minute=3, at_once=1))
        assert after.headers["X-RateLimit-Remaining-Requests"] == "1"

    run_async(scenario())


def test_refused_for_the_minute_holds_no_slot(clock: Clock, store: LocalStore) -> None:
    async def scenario() -> None:
        await (await limits.admit(key(per_minute=1, at_once=1))).release()
        for _ in range(3):
            with pytest.raises(TooManyPerMinute):
                await limits.admit(key(per_minute=1, at_once=1))
        assert await store.take_slot("co_test", 1)

    run_async(scenario())


def test_a_failing_request_gives_its_slot_back() -> None:
    async def scenario() -> None:
        with pytest.raises(RuntimeError):
            async with await limits.admit(key(at_once=1)):
                raise RuntimeError
        await limits.admit(key(at_once=1))

    run_async(scenario())


def test_the_limits_hold_over_event_loops_and_threads() -> None:
    async def many() -> int:
        async def one() -> int:
            try:
                await limits.admit(key(at_once=50, per_minute=1000))
            except RateLimited:
                return 0
            return 1

        return sum(await asyncio.gather(*(one() for _ in range(20))))

    async def scenario() -> int:
        return sum(await asyncio.gather(*(asyncio.to_thread(asyncio.run, many()) for _ in range(4))))

    assert run_async(scenario()) == 50


def test_the_check_for_a_limit_is_cheap() -> None:
    free = key()
    started = time.perf_counter()
    for _ in range(10_000):
        limits.is_limited(free)

    assert (time.perf_counter() - started) / 10_000 < 20e-6


def test_who_comes_without_a_key_has_the_numbers_of_the_settings(settings) -> None:
    settings.API_CONCURRENT_REQUESTS = 1

    async def ask() -> None:
        async with await limits.admit_as("user 7"):
            with pytest.raises(TooManyAtOnce):
                await limits.admit_as("user 7")
            async with await limits.admit_as("user 8"):
                pass
        async with await limits.admit_as("user 7"):
            pass

    run_async(ask())
