from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from background import looping
from background.looping import forever


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looping, "_LONGEST_PAUSE_S", 0)


def run_until_third_step(fail: Callable[[], None]) -> list[int]:
    """Which steps there were, if the first one failed so."""
    steps: list[int] = []
    has_gone_on = asyncio.Event()

    async def step() -> None:
        steps.append(len(steps))
        if len(steps) == 1:
            fail()
        if len(steps) == 3:
            has_gone_on.set()
        await asyncio.sleep(0)

    async def run() -> None:
        looped = asyncio.create_task(forever(step, name="test"))
        await asyncio.wait(
            {looped, asyncio.ensure_future(has_gone_on.wait())},
            return_when=asyncio.FIRST_COMPLETED,
            timeout=5,
        )
        looped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looped

    asyncio.run(run())
    return steps[:3]


@pytest.mark.parametrize("error", [RuntimeError("bug"), asyncio.CancelledError()])
def test_loop_goes_on_after_a_step_that_failed_or_was_cancelled_from_inside(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with capture_logs() as logs:
        assert run_until_third_step(fail) == [0, 1, 2]

    assert [log["event"] for log in logs] == ["runner_step_failed"]


def test_loop_ends_when_it_is_cancelled() -> None:
    with capture_logs() as logs:
        assert run_until_third_step(lambda: None) == [0, 1, 2]

    assert not logs
