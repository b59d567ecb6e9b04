from __future__ import annotations

import asyncio
import threading

import pytest

from llmconfigs.reading import CoalescedReader
from tests.asyncio_support import run_async


class GatedRead:
    """A read that waits for the test: each begins, is counted, and ends when the gate is open."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        number = self.count
        self.begun.release()
        assert self.gate.wait(timeout=10)
        return number

    async def wait_until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)


def test_callers_that_wait_share_the_next_read() -> None:
    read = GatedRead()
    reader = CoalescedReader(read, name="test")

    async def scenario() -> tuple[int, list[int]]:
        first = asyncio.create_task(reader.get())
        await read.wait_until_begun()
        later = [asyncio.create_task(reader.get()) for _ in range(50)]
        await asyncio.sleep(0)
        read.gate.set()
        return await first, list(await asyncio.gather(*later))

    assert run_async(scenario()) == (1, [2] * 50)


def test_caller_never_gets_a_read_that_began_before_it_called() -> None:
    state = ["old"]
    reader = CoalescedReader(lambda: state[0], name="test")

    async def scenario() -> str:
        await reader.get()
        state[0] = "new"
        return await reader.get()

    assert run_async(scenario()) == "new"


def test_cancelled_caller_takes_no_read_from_the_others() -> None:
    read = GatedRead()
    reader = CoalescedReader(read, name="test")

    async def scenario() -> int:
        blocking = asyncio.create_task(reader.get())
        await read.wait_until_begun()
        impatient, patient = asyncio.create_task(reader.get()), asyncio.create_task(reader.get())
        await asyncio.sleep(0)
        impatient.cancel()
        read.gate.set()
        await blocking
        return await patient

    assert run_async(scenario()) == 2


def test_error_of_a_read_does_not_last() -> None:
    outcomes = iter([ValueError("down"), None])

    def read() -> str:
        if error := next(outcomes):
            raise error
        return "up again"

    reader = CoalescedReader(read, name="test")

    async def scenario() -> str:
        with pytest.raises(ValueError, match="down"):
            await reader.get()
        return await reader.get()

    assert run_async(scenario()) == "up again"


def test_reader_serves_several_event_loops() -> None:
    reader = CoalescedReader(lambda: "read", name="test")

    assert [run_async(reader.get()) for _ in range(3)] == ["read"] * 3


def test_failure_after_every_caller_was_cancelled_is_not_left_unread() -> None:
    gate = threading.Event()

    def fail() -> str:
        assert gate.wait(timeout=10)
        raise ValueError("down")

    reader = CoalescedReader(fail, name="test")

    async def scenario() -> None:
        caller = asyncio.create_task(reader.get())
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        gate.set()
        with pytest.raises(ValueError, match="down"):
            await reader.get()

    run_async(scenario())
