from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from background.draining import Draining, draining, unless_draining
from tests.asyncio_support import run_async


@pytest.fixture(autouse=True)
def _cleared():
    yield
    draining.clear()


def test_wait_ends_when_another_thread_sets_it() -> None:
    flag = Draining()

    async def wait() -> None:
        threading.Timer(0.05, flag.set).start()
        await flag.wait()

    run_async(wait(), timeout_s=5)
    assert flag.is_set()


def test_wait_ends_when_a_signal_handler_of_the_loops_thread_sets_it() -> None:
    flag = Draining()
    before = signal.signal(signal.SIGUSR1, lambda *_: flag.set())

    async def wait() -> None:
        asyncio.get_running_loop().call_later(0.05, signal.raise_signal, signal.SIGUSR1)
        await flag.wait()

    try:
        run_async(wait(), timeout_s=5)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_wait_returns_at_once_when_it_is_set_already() -> None:
    flag = Draining()
    flag.set()

    run_async(flag.wait(), timeout_s=1)


def test_set_reaches_all_loops_and_survives_closed_ones() -> None:
    flag = Draining()
    with pytest.raises(TimeoutError):
        run_async(flag.wait(), timeout_s=0.01)
    waiting = [threading.Thread(target=run_async, args=(flag.wait(),), daemon=True) for _ in range(3)]
    for thread in waiting:
        thread.start()

    flag.set()

    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)


def test_unless_draining_gives_the_result_of_the_work() -> None:
    assert run_async(unless_draining(asyncio.sleep(0, "done"), otherwise="cut")) == "done"


def test_unless_draining_passes_on_what_the_work_raises() -> None:
    async def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_async(unless_draining(fail(), otherwise="cut"))


def test_unless_draining_cancels_the_work_when_the_process_drains() -> None:
    cancelled = threading.Event()

    async def work() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "done"

    async def cut() -> str:
        asyncio.get_running_loop().call_later(0.05, draining.set)
        return await unless_draining(work(), otherwise="cut")

    assert run_async(cut(), timeout_s=5) == "cut"
    assert cancelled.is_set()
