from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from llmbackends.errors import ConfigurationError
from llmbackends.spec import BackendSpec
from llmconfigs.pool import BackendPool, LoopPool
from tests.asyncio_support import run_async

from .backends import Workshop

SPEC = BackendSpec("dummy", "m")


def test_leases_of_one_version_share_one_backend() -> None:
    workshop = Workshop()

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        async with pool.lease(1, SPEC) as first, pool.lease(1, SPEC) as second:
            assert first.backend is second.backend
        async with pool.lease(1, replace(SPEC)) as third:
            assert third.backend is first.backend
        await pool.aclose()

    run_async(scenario())
    assert [backend.closed for backend in workshop.built] == [1]


def test_unused_backend_is_closed_when_a_newer_version_replaces_it() -> None:
    workshop = Workshop()

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        async with pool.lease(1, SPEC):
            pass
        async with pool.lease(2, SPEC):
            await asyncio.sleep(0.01)
            assert [backend.closed for backend in workshop.built] == [1, 0]
        await pool.aclose()

    run_async(scenario())


def test_replaced_backend_stays_open_until_its_last_user_has_left() -> None:
    workshop = Workshop()

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        async with AsyncExitStack() as last_user:
            await last_user.enter_async_context(pool.lease(1, SPEC))
            async with pool.lease(1, SPEC), pool.lease(2, SPEC):
                pass
            await asyncio.sleep(0.01)
            assert workshop.built[0].closed == 0
        await pool.aclose()
        assert workshop.built[0].closed == 1

    run_async(scenario())


def test_other_spec_under_the_same_version_is_built_anew() -> None:
    workshop = Workshop()

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        async with pool.lease(1, SPEC):
            pass
        async with pool.lease(1, replace(SPEC, model="other")) as lease:
            assert lease.backend.model == "other"
        await pool.aclose()

    run_async(scenario())
    assert len(workshop.built) == 2


def test_backend_of_a_cancelled_user_is_given_back() -> None:
    workshop = Workshop()

    async def use(pool: LoopPool) -> None:
        async with pool.lease(1, SPEC):
            await asyncio.Event().wait()

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        task = asyncio.create_task(use(pool))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await pool.aclose()

    run_async(scenario())
    assert [backend.closed for backend in workshop.built] == [1]


def test_failed_build_leaves_the_former_backend_in_place() -> None:
    workshop = Workshop()

    def build(spec: BackendSpec) -> Any:
        if spec.model == "broken":
            raise ConfigurationError("It cannot be built.")
        return workshop.build(spec)

    async def scenario() -> None:
        pool = LoopPool(build)
        async with pool.lease(1, SPEC):
            pass
        with pytest.raises(ConfigurationError):
            async with pool.lease(2, replace(SPEC, model="broken")):
                pass
        async with pool.lease(1, SPEC):
            pass
        await pool.aclose()

    run_async(scenario())
    assert [backend.closed for backend in workshop.built] == [1]


def test_backend_that_fails_to_close_is_logged_and_harms_nobody(logs: list[Any]) -> None:
    workshop = Workshop()

    async def fail() -> None:
        raise OSError("stuck")

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        async with pool.lease(1, SPEC):
            workshop.built[0].aclose = fail  # type: ignore[method-assign]
        await pool.aclose()

    run_async(scenario())
    assert [entry["event"] for entry in logs] == ["backend_close_failed"]


def test_storm_of_users_and_switches_leaves_nothing_open() -> None:
    workshop = Workshop()
    chance = random.Random(7)
    version = 0

    async def use(pool: LoopPool) -> None:
        for _ in range(20):
            async with pool.lease(version, SPEC) as lease:
                await asyncio.sleep(chance.random() / 1000)
                assert not workshop.built[workshop.built.index(lease.backend)].closed  # type: ignore[arg-type]

    async def switch() -> None:
        nonlocal version
        for _ in range(50):
            version += 1
            await asyncio.sleep(chance.random() / 1000)

    async def scenario() -> None:
        pool = LoopPool(workshop.build)
        users = [asyncio.create_task(use(pool)) for _ in range(50)]
        cancelled = [asyncio.create_task(use(pool)) for _ in range(50)]
        switching = asyncio.create_task(switch())
        await asyncio.sleep(0.005)
        for task in cancelled:
            task.cancel()
        await asyncio.gather(switching, *users)
        await asyncio.wait(cancelled)
        assert len(workshop.open) == 1
        await pool.aclose()

    run_async(scenario())
    assert len(workshop.built) > 10
    assert all(backend.closed == 1 for backend in workshop.built)


def test_each_loop_has_its_own_backend() -> None:
    workshop = Workshop()
    pool = BackendPool(workshop.build)

    async def scenario() -> None:
        async with pool.of_running_loop().lease(1, SPEC):
            pass
        await pool.of_running_loop().aclose()

    run_async(scenario())
    run_async(scenario())

    assert [backend.closed for backend in workshop.built] == [1, 1]


def test_closed_loops_are_forgotten() -> None:
    pool = BackendPool(Workshop().build)

    async def scenario() -> None:
        pool.of_running_loop()

    for _ in range(5):
        run_async(scenario())

    assert len(pool._loops) == 1
