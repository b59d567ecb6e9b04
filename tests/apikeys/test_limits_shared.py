"""With REDIS_URL: one count for all processes. Each SharedStore stands for a process; some are real ones."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
import redis

from apikeys.limits.shared import SharedStore
from tests.apikeys.limits_support import slot_holder
from tests.asyncio_support import run_async

Scenario = Callable[[SharedStore, SharedStore], Awaitable[None]]


@pytest.fixture
def owner() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def with_two_stores(valkey_url: str) -> Callable[..., None]:
    def run(scenario: Scenario, *, lease_s: float = 30) -> None:
        async def bounded() -> None:
            stores = SharedStore(valkey_url, lease_s=lease_s), SharedStore(valkey_url, lease_s=lease_s)
            try:
                await scenario(*stores)
            finally:
                await asyncio.gather(*(store.aclose() for store in stores))

        run_async(bounded())

    return run


def test_a_minute_is_shared(with_two_stores: Callable[..., None], owner: str) -> None:
    async def scenario(one: SharedStore, other: SharedStore) -> None:
        counted = [(await store.count(owner, 3))[0] for store in (one, other, one, other, one)]
        assert counted == [True, True, True, False, False]

        _, window = await other.count(owner, 3)
        assert window.remaining == 0
        assert 59 < window.retry_after_s <= 60.001
        assert 99 < window.reset_s <= 100

    with_two_stores(scenario)


def test_a_minute_fades_by_the_clock_of_redis(
    with_two_stores: Callable[..., None], owner: str, valkey_url: str
) -> None:
    def let_pass(seconds: int) -> None:
        with redis.Redis.from_url(valkey_url) as client:
            for name in client.scan_iter(f"*{owner}*"):
                client.pexpire(name, client.pttl(name) - seconds * 1000)

    async def scenario(one: SharedStore, _: SharedStore) -> None:
        assert [(await one.count(owner, 4))[0] for _ in range(5)] == [True] * 4 + [False]
        let_pass(59)
        assert not (await one.count(owner, 4))[0]
        let_pass(31)  # half of the next minute: less than two of the four still count
        assert [(await one.count(owner, 4))[0] for _ in range(4)] == [True, True, True, False]
        let_pass(90)
        assert (await one.count(owner, 4))[1].remaining == 3

    with_two_stores(scenario)


def test_slots_are_shared_and_come_back(with_two_stores: Callable[..., None], owner: str) -> None:
    async def scenario(one: SharedStore, other: SharedStore) -> None:
        slot = await one.take_slot(owner, 2)
        assert slot is not None
        assert await other.take_slot(owner, 2)
        assert await one.take_slot(owner, 2) is None
        assert await other.take_slot(owner, 2) is None

        await one.give_back(owner, slot)
        assert await other.take_slot(owner, 2)
        assert await one.take_slot(owner, 2) is None

    with_two_stores(scenario)


def test_slots_are_never_too_many_under_load(with_two_stores: Callable[..., None], owner: str) -> None:
    async def scenario(one: SharedStore, other: SharedStore) -> None:
        slots = await asyncio.gather(
            *(store.take_slot(owner, 7) for store in (one, other) for _ in range(20))
        )
        assert len([slot for slot in slots if slot]) == 7

    with_two_stores(scenario)


def test_a_slot_is_kept_for_longer_than_its_lease(with_two_stores: Callable[..., None], owner: str) -> None:
    async def scenario(one: SharedStore, other: SharedStore) -> None:
        slot = await one.take_slot(owner, 1)
        assert slot is not None
        await asyncio.sleep(1.0)
        assert await other.take_slot(owner, 1) is None

        await one.give_back(owner, slot)
        assert await other.take_slot(owner, 1)

    with_two_stores(scenario, lease_s=0.6)


def test_a_killed_process_gives_its_slots_back(with_two_stores: Callable[..., None], valkey_url: str) -> None:
    async def scenario(one: SharedStore, _: SharedStore) -> None:
        with slot_holder(valkey_url, slots=3, lease_s=2) as holder:
            assert await one.take_slot("co_test", 3) is None
            holder.kill()
        assert await one.take_slot("co_test", 3) is None
        await asyncio.sleep(2.1)
        slots = [await one.take_slot("co_test", 3) for _ in range(4)]
        assert [bool(slot) for slot in slots] == [True, True, True, False]

    with_two_stores(scenario)


def test_nothing_is_left_behind(with_two_stores: Callable[..., None], owner: str, valkey_url: str) -> None:
    async def scenario(one: SharedStore, _: SharedStore) -> None:
        await one.count(owner, 5)
        slot = await one.take_slot(owner, 5)
        assert slot
        with redis.Redis.from_url(valkey_url) as client:
            names = list(client.scan_iter(f"*{owner}*"))
            assert len(names) == 2
            assert all(0 < client.ttl(name) <= 120 for name in names)

    with_two_stores(scenario)
