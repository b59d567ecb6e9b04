"""The chunks of one streamed answer, as they come in."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager
from typing import Self

from .errors import BackendError, StreamCut
from .framing import EventParser
from .http import HTTPAnswer
from .types import NO_REASON, ChatChunk, ChatResult, ToolCallDelta
from .wire import StreamDecoder


class ChunkStream(AsyncIterator[ChatChunk]):
    """Reads no more of the answer than it is asked for. `guard` surrounds all work on the answer.

    Chunks that arrived before an error come out before it.
    """

    def __init__(
        self,
        answer: HTTPAnswer,
        parser: EventParser,
        decoder: StreamDecoder,
        guard: AbstractContextManager[None],
    ) -> None:
        self._answer = answer
        self._parser = parser
        self._decoder = decoder
        self._guard = guard
        self._pending: deque[ChatChunk] = deque()
        self._has_ended = False
        self._has_reason = False
        self._error: BackendError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        while not self._pending:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                raise StopAsyncIteration
            await self._read_more()
        return self._pending.popleft()

    async def wait_for_first(self) -> None:
        """Returns once a chunk is there; raises the error that came instead."""
        async for chunk in self:
            self._pending.appendleft(chunk)
            return

    async def finish(self) -> None:
        """Lets the service end the connection in good order if the stream was read to its end marker."""
        if self._has_ended and not self._pending and self._error is None:
            await self._answer.finish()

    async def _read_more(self) -> None:
        """Called when nothing is pending, so what is pending afterwards is new."""
        try:
            with self._guard:
                if piece := await self._answer.read_piece():
                    self._decode(piece)
                else:
                    self._decode_end()
                if self._has_ended and not self._has_reason:
                    raise StreamCut(NO_REASON)
        except BackendError as error:
            self._error = error

    def _decode(self, piece: bytes) -> None:
        for event in self._parser.feed(piece):
            self._add(self._decoder.feed(event.event, event.data))
            if self._decoder.ended:
                self._has_ended = True
                return

    def _decode_end(self) -> None:
        for event in self._parser.close():
            self._add(self._decoder.feed(event.event, event.data))
        if not self._decoder.ended:
            self._add(self._decoder.close())
        self._has_ended = True

    def _add(self, chunks: Iterable[ChatChunk]) -> None:
        self._pending.extend(chunks)  # up to the error, if this raises one
        if self._pending:
            self._has_reason = self._pending[-1].finish_reason is not None


def as_chunk(result: ChatResult) -> ChatChunk:
    """The whole of a plain answer as the one chunk of a stream."""
    return ChatChunk(
        text=result.text,
        tool_calls=tuple(
            ToolCallDelta(index, call.id, call.name, call.arguments)
            for index, call in enumerate(result.tool_calls)
        ),
        finish_reason=result.finish_reason,
        usage=result.usage,
        reasoning=result.reasoning,
        logprobs=result.logprobs,
    )


class SingleChunk(AsyncIterator[ChatChunk]):
    """The stream of a service that does not stream."""

    def __init__(self, result: ChatResult) -> None:
        self._chunk: ChatChunk | None = as_chunk(result)

    async def __anext__(self) -> ChatChunk:
        if self._chunk is None:
            raise StopAsyncIteration
        chunk, self._chunk = self._chunk, None
        return chunk
