from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from epochs.reading import CoalescedReader
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


def test_result_that_does_not_come_in_time_is_an_error_for_those_who_wait() -> None:
    read = GatedRead()
    reader = CoalescedReader(read, name="test", patience_s=lambda: 0.2)

    async def scenario() -> int:
        under_way, next_one = asyncio.create_task(reader.get()), asyncio.create_task(reader.get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert read.begun.acquire(timeout=10)  # while the loop stands still, nobody's patience ends
        for task in (under_way, next_one):
            with pytest.raises(TimeoutError):
                await task
        patient = asyncio.create_task(reader.get())
        await asyncio.sleep(0)
        read.gate.set()
        return await patient

    assert run_async(scenario()) > 1


def test_loop_that_was_closed_takes_no_result_from_the_others() -> None:
    read = GatedRead()
    reader = CoalescedReader(read, name="test")

    async def leave() -> None:
        caller = asyncio.create_task(reader.get())
        await read.wait_until_begun()
        caller.cancel()

    run_async(leave())
    read.gate.set()

    assert run_async(reader.get()) == 2


def test_callers_of_several_loops_at_once_are_all_answered() -> None:
    reader = CoalescedReader(threading.get_ident, name="test")

    async def call_often() -> set[int]:
        return {
            number for _ in range(100) for number in await asyncio.gather(*(reader.get() for _ in range(5)))
        }

    with ThreadPoolExecutor(4) as executor:
        readers = set().union(*executor.map(lambda _: run_async(call_often()), range(4)))

    assert len(readers) == 1


def test_loop_that_stopped_or_blocks_keeps_back_no_reader_of_another() -> None:
    reader = CoalescedReader(lambda: "read", name="test")
    stopped = asyncio.new_event_loop()
    has_asked, may_go_on = threading.Event(), threading.Event()

    async def ask_and_block() -> str:
        caller = asyncio.create_task(reader.get())
        await asyncio.sleep(0)
        has_asked.set()
        assert may_go_on.wait(timeout=10)
        return await caller

    async def only_ask() -> asyncio.Task[str]:
        caller = asyncio.create_task(reader.get())
        asyncio.get_running_loop().call_soon(stopped.stop)
        return caller

    with ThreadPoolExecutor(1) as executor:
        blocked = executor.submit(run_async, ask_and_block())
        assert has_asked.wait(timeout=10)
        left = stopped.create_task(only_ask())
        stopped.run_forever()
        there = run_async(reader.get(), timeout_s=5)
        may_go_on.set()
        answers = there, blocked.result(timeout=10), stopped.run_until_complete(left)

    assert answers[:2] == ("read", "read")
    assert stopped.run_until_complete(answers[2]) == "read"
    stopped.close()
