"""Several answers to one request, generated side by side: every provider can give one, few can give more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from llmbackends.errors import StreamCut
from llmbackends.types import NO_REASON, ChatChunk

T = TypeVar("T")

ChunkStream = AbstractAsyncContextManager[AsyncIterator[ChatChunk]]
Numbered = tuple[int, ChatChunk]
_AHEAD = 64
"""Chunks that may wait for the client, of all choices together."""


async def gather(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in the order of the calls. The first error ends the others and is raised."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]
    finally:
        await _cancel_and_wait(tasks)


@asynccontextmanager
async def merged(streams: Sequence[ChunkStream]) -> AsyncIterator[AsyncIterator[Numbered]]:
    """The chunks of all streams as they come, each with the number of its stream.

    Entering waits for the first chunk of each, so an early failure of any raises there.
    """
    if len(streams) == 1:
        async with streams[0] as chunks:
            yield _numbered(0, chunks)
        return
    merge = _Merge(streams)
    try:
        await merge.all_entered()
        yield merge.until_all_ended()
    finally:
        await _cancel_and_wait(merge.pumps)


async def _numbered(number: int, chunks: AsyncIterator[ChatChunk]) -> AsyncIterator[Numbered]:
    """Raises StreamCut at the end unless a chunk has said why the answer ended."""
    reason = None
    async for chunk in chunks:
        reason = chunk.finish_reason or reason
        yield number, chunk
    if reason is None:
        raise StreamCut(NO_REASON)


class _Merge:
    """Each stream is read by a pump, a task of its own; what they read waits in one row.

    The row has no bound until all have entered: nobody takes from it before, and where the second stream
    can begin only when the first has ended, the first must get to its end.
    """

    def __init__(self, streams: Sequence[ChunkStream]) -> None:
        # An ended pump stands behind its chunks.
        self._row: asyncio.Queue[Numbered | asyncio.Task[None]] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._to_enter = len(streams)
        self._entered = asyncio.get_running_loop().create_future()
        self.pumps = [asyncio.create_task(self._pump(*numbered)) for numbered in enumerate(streams)]
        for pump in self.pumps:
            pump.add_done_callback(self._end)

    async def all_entered(self) -> None:
        """Raises the error of a pump that has failed until then."""
        await self._entered
        for pump in self.pumps:
            if pump.done():
                pump.result()

    async def until_all_ended(self) -> AsyncIterator[Numbered]:
        running = len(self.pumps)
        while running:
            item = await self._row.get()
            if self._row.qsize() < _AHEAD:
                self._has_room.set()
            if isinstance(item, asyncio.Task):
                item.result()
                running -= 1
            else:
                yield item

    async def _pump(self, number: int, stream: ChunkStream) -> None:
        async with stream as chunks:
            self._to_enter -= 1
            if not self._to_enter and not self._entered.done():
                self._entered.set_result(None)
            async for numbered in _numbered(number, chunks):
                await self._put(numbered)

    async def _put(self, numbered: Numbered) -> None:
        await self._has_room.wait()
        self._row.put_nowait(numbered)
        if not self._to_enter and self._row.qsize() >= _AHEAD:
            self._has_room.clear()

    def _end(self, pump: asyncio.Task[None]) -> None:
        self._row.put_nowait(pump)
        has_failed = pump.cancelled() or pump.exception() is not None
        if has_failed and not self._entered.done():
            self._entered.set_result(None)


async def _cancel_and_wait(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
