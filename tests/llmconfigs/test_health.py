from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmbackends.errors import BackendUnavailable
from llmbackends.spec import BackendSpec
from llmconfigs.active import ActiveBackend
from llmconfigs.health import ensure_healthy
from llmconfigs.selection import ActiveSpec
from tests.asyncio_support import run_async

from .backends import WatchedBackend


def lease() -> tuple[ActiveBackend, WatchedBackend]:
    spec = BackendSpec("dummy", "m")
    backend = WatchedBackend(spec)
    held: Any = backend
    return ActiveBackend(ActiveSpec(spec, None, "", 0, "environment"), held), backend


def test_check_that_succeeded_lately_counts(settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 60

    async def scenario() -> int:
        held, backend = lease()
        await ensure_healthy(held)
        await ensure_healthy(held)
        return backend.checks

    assert run_async(scenario()) == 1


def test_zero_means_always(settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 0

    async def scenario() -> int:
        held, backend = lease()
        await ensure_healthy(held)
        await ensure_healthy(held)
        return backend.checks

    assert run_async(scenario()) == 2


def test_old_check_does_not_count(settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 60

    async def scenario() -> int:
        held, backend = lease()
        await ensure_healthy(held)
        assert held.health.healthy_at is not None
        held.health.healthy_at -= 61
        await ensure_healthy(held)
        return backend.checks

    assert run_async(scenario()) == 2


def test_failure_is_raised_and_does_not_count(settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 60

    async def scenario() -> int:
        held, backend = lease()
        backend.healthy = False
        with pytest.raises(BackendUnavailable):
            await ensure_healthy(held)
        backend.healthy = True
        await ensure_healthy(held)
        return backend.checks

    assert run_async(scenario()) == 2


def test_callers_at_once_share_one_check(settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 0

    async def scenario() -> int:
        held, backend = lease()
        await asyncio.gather(*(ensure_healthy(held) for _ in range(50)))
        return backend.checks

    assert run_async(scenario()) == 1


def test_callers_at_once_share_one_failure(settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 0

    async def scenario() -> list[Any]:
        held, backend = lease()
        backend.healthy = False
        return await asyncio.gather(*(ensure_healthy(held) for _ in range(5)), return_exceptions=True)

    assert [type(each) for each in run_async(scenario())] == [BackendUnavailable] * 5


def test_cancelled_caller_takes_no_check_from_the_others() -> None:
    async def scenario() -> int:
        held, backend = lease()
        backend.gate.clear()
        impatient, patient = (asyncio.create_task(ensure_healthy(held)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        backend.gate.set()
        await patient
        return backend.checks

    assert run_async(scenario()) == 1


def test_failure_after_every_caller_was_cancelled_is_not_left_unread() -> None:
    async def scenario() -> None:
        held, backend = lease()
        backend.gate.clear()
        backend.healthy = False
        caller = asyncio.create_task(ensure_healthy(held))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        backend.gate.set()
        await asyncio.sleep(0.01)

    run_async(scenario())
