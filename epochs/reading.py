"""One read of the database for all who wait for it at the same moment."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
from asyncio import AbstractEventLoop, Future, TimerHandle
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class CoalescedReader(Generic[T]):
    """Runs `read` in a thread of its own and shares the result among the callers that wait.

    A caller never gets the result of a read that began before the call: what was committed before it called,
    it sees. However many call, one thread reads. Callers may be on several event loops; one that is cancelled
    takes nothing from the others. It costs a caller microseconds: a loop is woken once for all its callers.
    """

    def __init__(
        self, read: Callable[[], T], *, name: str, patience_s: Callable[[], float] = lambda: math.inf
    ) -> None:
        self._read = read
        self._name = name
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._waiting: dict[AbstractEventLoop, _Party[T]] = {}
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def get(self) -> T:
        """Raises what the read raises, and TimeoutError if it takes longer than `patience_s()`."""
        return await self._join()

    def _join(self) -> Future[T]:
        loop = asyncio.get_running_loop()
        place: Future[T] = loop.create_future()
        with self._lock:
            party = self._waiting.get(loop)
            if party is None:
                party = self._open_party(loop)
            party.places.append(place)
        return place

    def _open_party(self, loop: AbstractEventLoop) -> _Party[T]:
        party: _Party[T] = _Party()
        if (patience_s := self._patience_s()) < math.inf:
            party.timer = loop.call_later(patience_s, self._give_up, loop, party)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        # Not at once: whoever else comes in this turn of the loop shall share the read. Each loop for itself:
        # another one may be stopped or blocked before its turn comes.
        loop.call_soon(self._calls.put, None)
        self._waiting[loop] = party
        return party

    def _give_up(self, loop: AbstractEventLoop, party: _Party[T]) -> None:
        with self._lock:
            if self._waiting.get(loop) is party:
                del self._waiting[loop]  # who calls from now on has patience of its own
        party.settle(None, TimeoutError(f"{self._name}: no result in time"))

    def _work(self) -> None:
        while True:
            self._calls.get()
            with self._lock:
                parties, self._waiting = self._waiting, {}
            if parties:
                self._answer(parties)

    def _answer(self, parties: dict[AbstractEventLoop, _Party[T]]) -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = self._read()
        except BaseException as raised:  # it belongs to the callers, not to this thread
            error = raised
        for loop, party in parties.items():
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(party.settle, result, error)


class _Party(Generic[T]):
    """Those on one loop who wait for the same read.

    Places are added under the reader's lock until the read begins; all else is done on the loop.
    """

    __slots__ = ("places", "timer")

    def __init__(self) -> None:
        self.places: list[Future[T]] = []
        self.timer: TimerHandle | None = None

    def settle(self, result: T | None, error: BaseException | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for place in self.places:
            if place.done():
                continue
            if error is None:
                place.set_result(result)  # type: ignore[arg-type]
            else:
                place.set_exception(error)
