"""The body of an answer over HTTP, read as it comes in and within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import aiohttp
from aiohttp.connector import Connection

from ..errors import BackendError, BackendTimeout, BadAnswer
from ..texts import Sentence, gettext_noop
from .errors import backend_error, origin_of

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_TAIL_S = 0.05


class HTTPAnswer:
    """An answer whose body is still to be read.

    harmless: the request may be sent twice, so no loss of the answer counts as processed.
    """

    __slots__ = (
        "_content", "_deadline", "_ends_at", "_forget", "_harmless", "_has_begun", "_idle_timeout_s", "_loop",
        "_response", "_timer", "headers", "status",
    )  # fmt: skip

    def __init__(
        self, response: aiohttp.ClientResponse, deadline: float, idle_timeout_s: float, *, harmless: bool
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._content = response.content
        self._harmless = harmless
        self._deadline = deadline
        self._idle_timeout_s = idle_timeout_s
        self._has_begun = False
        self._loop = asyncio.get_running_loop()
        self._ends_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._forget = _wake_reader_when_closed(response)

    async def read_piece(self) -> bytes:
        """The next bytes of the body as they come in; b"" at its end."""
        content = self._content
        try:
            piece = content.read_nowait()
            if not piece and not content.is_eof():
                piece = await self._wait_for_piece()
        except BackendTimeout:
            raise
        except Exception as foreign:
            raise backend_error(foreign, self._origin, processed=not self._harmless) from foreign
        self._has_begun = True
        return piece

    async def read(self, *, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
        """The whole body. Raises BadAnswer when it is longer than `max_bytes`."""
        pieces, size = [], 0
        while piece := await self.read_piece():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                text = gettext_noop("%(origin)s sent an answer of more than %(bytes)s bytes.")
                raise BadAnswer(Sentence(text, origin=self._origin, bytes=max_bytes))
        return b"".join(pieces)

    async def read_start(self, max_bytes: int) -> bytes:
        """What can be had of the first `max_bytes` of the body: for an error, of which the status counts."""
        body = bytearray()
        with suppress(BackendError):
            while len(body) < max_bytes and (piece := await self.read_piece()):
                body += piece
        return bytes(body[:max_bytes])

    async def finish(self) -> None:
        """After a stream's end marker: takes the end of the body, so that the service is not cut off."""
        self._deadline = min(self._deadline, self._loop.time() + _TAIL_S)
        await self.read_start(1024)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._forget is not None:
            self._forget()
        self._response.close()

    # Waiting. One timer for all waits of an answer, moved when it fires: a time-out of its own for each wait
    # costs more than what is read.

    async def _wait_for_piece(self) -> bytes:
        self._ends_at = ends_at = self._end_of_wait()
        if self._timer is None or self._timer.when() > ends_at:
            self._set_timer(ends_at)
        try:
            return await self._content.readany()
        finally:
            self._ends_at = None

    def _end_of_wait(self) -> float:
        if not self._has_begun:
            return self._deadline
        return min(self._deadline, self._loop.time() + self._idle_timeout_s)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if self._ends_at is None:
            return  # nobody waits: the next wait sets the timer
        if self._ends_at > self._loop.time():
            self._set_timer(self._ends_at)
        elif self._content.exception() is None:
            self._content.set_exception(self._too_late(self._ends_at))

    def _too_late(self, ends_at: float) -> BackendTimeout:
        if ends_at < self._deadline:
            text = gettext_noop("%(origin)s fell silent for %(seconds)s s in the middle of its answer.")
            seconds = f"{self._idle_timeout_s:g}"
            return BackendTimeout(Sentence(text, origin=self._origin, seconds=seconds))
        text = gettext_noop("%(origin)s did not finish its answer in time.")
        return BackendTimeout(Sentence(text, origin=self._origin))

    @property
    def _origin(self) -> str:
        return origin_of(str(self._response.url))


class AbortingResponse(aiohttp.ClientResponse):
    """Ends its connection where the request said so, even if the service would keep it.

    And cuts it when it is closed before its end: aiohttp would first send the rest of the request and then
    wait for the peer's end of TLS; the service should stop working now.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        # Before the answer is read: a short one gives its connection back while this still runs.
        if self.request_info.headers.get("connection") == "close" and connection.protocol is not None:
            connection.protocol.force_close()
        return await super().start(connection)

    def close(self) -> None:
        if self.connection is not None and self.connection.transport is not None:
            self.connection.transport.abort()
        super().close()


def _wake_reader_when_closed(response: aiohttp.ClientResponse) -> Callable[[], None] | None:
    """Ends the wait for bytes that can no longer come; returns what undoes this, if there is anything.

    aiohttp (3.14.5) leaves the reader waiting for ever when it closes the connection itself: on a malformed
    chunk in the middle of a body, and when the session is closed.
    """
    protocol = response.connection.protocol if response.connection is not None else None
    closed = protocol.closed if protocol is not None else None
    if protocol is None or closed is None:
        return None
    content = response.content

    def wake(_: asyncio.Future[None]) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(protocol.exception() or aiohttp.ClientConnectionError("closed"))

    def undo() -> None:
        closed.remove_done_callback(wake)

    closed.add_done_callback(wake)
    closed.remove_done_callback(_read_outcome)  # one is enough, however many answers the connection brings
    closed.add_done_callback(_read_outcome)
    return undo


def _read_outcome(closed: asyncio.Future[None]) -> None:
    """Or asyncio would log as never retrieved that the peer reset an idle connection."""
    closed.exception()
