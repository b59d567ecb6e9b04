"""Several answers side by side. The streams are scripts, so that each order can be had."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from generation.answering import choices
from llmbackends.errors import BackendFailed, StreamCut
from llmbackends.types import ChatChunk, FinishReason
from tests.asyncio_support import run_async

STOP = ChatChunk(finish_reason=FinishReason.STOP)


class Script:
    """A stream that opens after `before`, gives its chunks and then ends, or fails with `error`."""

    def __init__(
        self,
        *chunks: ChatChunk,
        before: asyncio.Event | None = None,
        after: asyncio.Event | None = None,
        error: Exception | None = None,
    ) -> None:
        self.chunks = chunks
        self.before = before
        self.after = after
        self.error = error
        self.given = 0
        self.is_open = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[ChatChunk]]:
        if self.before is not None:
            await self.before.wait()
        self.is_open = True
        try:
            yield self._chunks()
        finally:
            self.is_open = False

    async def _chunks(self) -> AsyncIterator[ChatChunk]:
        for chunk in self.chunks:
            await asyncio.sleep(0)
            self.given += 1
            yield chunk
        if self.after is not None:
            await self.after.wait()
        if self.error is not None:
            raise self.error


def texts(*pieces: str) -> tuple[ChatChunk, ...]:
    return (*(ChatChunk(text=piece) for piece in pieces), STOP)


async def read(
    scripts: Sequence[Script], tell: Callable[[int, ChatChunk], None] = lambda *_: None
) -> list[tuple[int, ChatChunk]]:
    chunks = []
    async with choices.merged([script.open() for script in scripts]) as merged:
        async for numbered in merged:
            chunks.append(numbered)
            tell(*numbered)
    return chunks


def of(number: int, read: list[tuple[int, ChatChunk]]) -> tuple[ChatChunk, ...]:
    return tuple(chunk for whose, chunk in read if whose == number)


class TurnCounter(selectors.DefaultSelector):
    """The event loop asks its selector once in each turn."""

    turns = 0

    def select(self, timeout: float | None = None) -> Any:
        self.turns += 1
        return super().select(timeout)


def turns_of(coroutine: Callable[[], Any]) -> int:
    counter = TurnCounter()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(counter)) as runner:
        runner.run(asyncio.wait_for(coroutine(), 10))
        return counter.turns


def test_gather_returns_results_in_the_order_of_the_calls() -> None:
    async def scenario() -> list[str]:
        second_is_done = asyncio.Event()

        async def first() -> str:
            await second_is_done.wait()
            return "first"

        async def second() -> str:
            second_is_done.set()
            return "second"

        return await choices.gather([first(), second()])

    assert run_async(scenario()) == ["first", "second"]


def test_gather_raises_the_first_error_and_ends_the_others() -> None:
    ended = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise BackendFailed("boom")

    with pytest.raises(BackendFailed, match="boom"):
        run_async(choices.gather([endless(), failing()]))

    assert ended == ["endless"]


def test_gather_that_is_cancelled_ends_all_calls() -> None:
    ended = []

    async def endless(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def scenario() -> None:
        gathering = asyncio.create_task(choices.gather([endless("a"), endless("b")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering

    run_async(scenario())

    assert sorted(ended) == ["a", "b"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_merged_gives_each_stream_in_its_order_with_its_number(count: int) -> None:
    scripts = [Script(*texts(f"{number}a", f"{number}b")) for number in range(count)]

    merged = run_async(read(scripts))

    assert [of(number, merged) for number in range(count)] == [script.chunks for script in scripts]


def test_merged_gives_chunks_as_they_come() -> None:
    async def scenario() -> list[tuple[int, str]]:
        later = asyncio.Event()
        order = []
        slow = Script(ChatChunk(text="0"), after=later, error=BackendFailed("late"))
        quick = Script(*texts("1"))

        def tell(number: int, chunk: ChatChunk) -> None:
            order.append((number, chunk.text))
            if chunk.finish_reason is not None:
                later.set()

        with pytest.raises(BackendFailed, match="late"):
            await read([slow, quick], tell)
        return order

    assert run_async(scenario()) == [(0, "0"), (1, "1"), (1, "")]


def test_merged_streams_that_can_only_run_one_after_the_other_come_to_their_end() -> None:
    """A backend with one slot: the second begins when the first has ended, however long that is."""

    class OneSlot(Script):
        slot: asyncio.Semaphore

        @asynccontextmanager
        async def open(self) -> AsyncIterator[AsyncIterator[ChatChunk]]:
            async with self.slot, super().open() as chunks:
                yield chunks

    async def scenario() -> list[tuple[int, ChatChunk]]:
        OneSlot.slot = asyncio.Semaphore(1)
        return await read([OneSlot(*texts(*["word"] * 200)), OneSlot(*texts(*["word"] * 200))])

    merged = run_async(scenario(), timeout_s=5)

    assert [len(of(number, merged)) for number in (0, 1)] == [201, 201]


def test_merged_streams_do_not_run_far_ahead_of_a_slow_reader() -> None:
    async def scenario() -> int:
        scripts = [Script(*texts(*["word"] * 2000)) for _ in range(2)]
        async with choices.merged([script.open() for script in scripts]) as merged:
            await anext(merged)
            for _ in range(1000):
                await asyncio.sleep(0)
            return sum(script.given for script in scripts)

    assert run_async(scenario()) < 200


def test_merged_waits_for_an_uneven_first_chunk_without_spinning() -> None:
    async def scenario() -> None:
        later = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, later.set)
        await read([Script(*texts("at once")), Script(*texts("later"), before=later)])

    assert turns_of(scenario) < 50


def test_merged_waits_for_an_uneven_end_without_spinning() -> None:
    async def scenario() -> None:
        later = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, later.set)
        await read([Script(*texts("at once")), Script(*texts("later"), after=later)])

    assert turns_of(scenario) < 50


def test_merged_raises_an_early_failure_of_any_on_entering_and_closes_the_others() -> None:
    async def scenario() -> list[bool]:
        never = asyncio.Event()
        scripts = [
            Script(ChatChunk(text="a"), after=never),
            Script(*texts("b"), before=never),
            Script(error=BackendFailed("boom")),
        ]
        with pytest.raises(BackendFailed, match="boom"):
            await choices.merged([script.open() for script in scripts]).__aenter__()
        return [script.is_open for script in scripts]

    assert run_async(scenario()) == [False, False, False]


def test_merged_raises_a_late_failure_after_the_chunks_before_it_and_closes_the_others() -> None:
    async def scenario() -> tuple[list[str], list[bool]]:
        first_is_told = asyncio.Event()
        scripts = [
            Script(ChatChunk(text="a"), after=asyncio.Event()),
            Script(ChatChunk(text="b"), after=first_is_told, error=BackendFailed("boom")),
        ]
        told = []

        def tell(_: int, chunk: ChatChunk) -> None:
            told.append(chunk.text)
            first_is_told.set()

        with pytest.raises(BackendFailed, match="boom"):
            await read(scripts, tell)
        return sorted(told), [script.is_open for script in scripts]

    assert run_async(scenario()) == (["a", "b"], [False, False])


@pytest.mark.parametrize("count", [1, 2])
def test_merged_stream_that_ends_without_a_reason_is_cut(count: int) -> None:
    cut = Script(ChatChunk(text="The tide"))
    whole = [Script(*texts("The tide")) for _ in range(count - 1)]

    with pytest.raises(StreamCut):
        run_async(read([*whole, cut]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_merged_that_is_cancelled_closes_all_streams(count: int) -> None:
    async def scenario() -> list[bool]:
        scripts = [Script(ChatChunk(text="a"), after=asyncio.Event()) for _ in range(count)]
        reading = asyncio.create_task(read(scripts))
        for _ in range(20):
            await asyncio.sleep(0)
        before = [script.is_open for script in scripts]
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert before == [True] * count
        return [script.is_open for script in scripts]

    assert run_async(scenario()) == [False] * count


def test_merged_that_is_left_early_closes_all_streams() -> None:
    async def scenario() -> list[bool]:
        scripts = [Script(*texts(*["word"] * 500)) for _ in range(2)]
        async with choices.merged([script.open() for script in scripts]) as merged:
            await anext(merged)
        return [script.is_open for script in scripts]

    assert run_async(scenario()) == [False, False]


def test_merged_stream_that_is_cancelled_from_within_does_not_leave_the_reader_waiting() -> None:
    class Cancelled(Script):
        async def _chunks(self) -> AsyncIterator[ChatChunk]:
            yield ChatChunk(text="a")
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_async(read([Cancelled(), Script(*texts("b"))]), timeout_s=5)
