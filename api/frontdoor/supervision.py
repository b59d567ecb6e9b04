"""What may end a request from outside while it is worked on: its client hangs up, or this process stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from background.draining import draining

from .exchange import ClientGone, Exchange

UNWATCHED_S = 0.02
STALLED_INTERVALS = 4


class Drained(Exception):
    """The process stops, and the time that it leaves to requests under way is over."""


class Supervised:
    """Cancels the work in its block when the client hangs up or the process has to stop.

    Leaving raises ClientGone or Drained then, in place of the CancelledError. Whatever the block holds open
    is closed by that time, so the model has been told to stop. Nobody watches for the first moments: an
    answer that takes no longer is spared the cost.
    """

    __slots__ = ("_because", "_exchange", "_requests", "_task", "_timer", "_watcher")

    def __init__(self, exchange: Exchange, requests: OpenRequests) -> None:
        self._exchange = exchange
        self._requests = requests
        self._because: Exception | None = None

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watcher: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(UNWATCHED_S, self._watch)
        self._requests.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.discard(self)
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.remove_done_callback(self._on_gone)  # it may be due already
            self._watcher.cancel()
        if self._because is None:
            return
        if error is None:
            await self._swallow_cancellation()
        self._task.uncancel()
        if error is None or isinstance(error, asyncio.CancelledError):
            raise self._because from None

    def interrupt(self, because: Exception) -> None:
        """No-op if it was interrupted before."""
        if self._because is None:
            self._because = because
            self._task.cancel()

    def _watch(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._exchange.wait_until_gone())
        self._watcher.add_done_callback(self._on_gone)

    def _on_gone(self, watcher: asyncio.Task[None]) -> None:
        if not watcher.cancelled() and watcher.exception() is None:
            self.interrupt(ClientGone())

    async def _swallow_cancellation(self) -> None:
        """The work ended at the moment it was cancelled; what is done next must not be cancelled for it."""
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


class OpenRequests:
    """All requests of this process that are being worked on."""

    def __init__(self) -> None:
        self._open: set[Supervised] = set()
        self._has_ended = False

    def add(self, request: Supervised) -> None:
        self._open.add(request)
        if self._has_ended and draining.is_set():
            request.interrupt(Drained())

    def discard(self, request: Supervised) -> None:
        self._open.discard(request)

    def end_all(self) -> None:
        """And those that come later: a body may have been on its way for long."""
        self._has_ended = True
        for request in tuple(self._open):
            request.interrupt(Drained())


class Heartbeat:
    """Sends a comment when nothing was sent for `interval_s`, so that no proxy ends an idle stream.

    A client that has not even taken the last comment after STALLED_INTERVALS more is taken for gone: it holds
    a connection to the model.
    """

    __slots__ = (
        "_beat_task",
        "_exchange",
        "_interval_s",
        "_loop",
        "_missed",
        "_request",
        "_timer",
        "last_sent_at",
    )

    def __init__(self, exchange: Exchange, request: Supervised, interval_s: float) -> None:
        self._exchange = exchange
        self._request = request
        self._interval_s = interval_s
        self._missed = 0
        self._loop = asyncio.get_running_loop()
        self._beat_task: asyncio.Task[None] | None = None
        self.last_sent_at = self._loop.time()
        self._timer = self._loop.call_later(interval_s, self._look)

    def sent(self) -> None:
        self.last_sent_at = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()
        if self._beat_task is not None:
            self._beat_task.cancel()

    def _look(self) -> None:
        remaining_s = self.last_sent_at + self._interval_s - self._loop.time()
        if remaining_s <= 0:
            self._beat()
            remaining_s = self._interval_s
        self._timer = self._loop.call_later(remaining_s, self._look)

    def _beat(self) -> None:
        if self._beat_task is not None and not self._beat_task.done():
            self._missed += 1
            if self._missed >= STALLED_INTERVALS:
                self._request.interrupt(ClientGone())
            return
        self._missed = 0
        self._beat_task = self._loop.create_task(self._exchange.piece(b": waiting\n\n"))
        self.sent()
