"""One read of the database for all who wait for it at the same moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from .sharing import share

T = TypeVar("T")


class CoalescedReader(Generic[T]):
    """Runs `read` in a thread of its own and shares the result among the callers that wait.

    A caller never gets the result of a read that began before the call: what was committed before it
    called, it sees. However many call, one thread reads, and a database that is down costs each of them one
    time-out, not a queue of them. Callers may be on several event loops.
    """

    def __init__(self, read: Callable[[], T], *, name: str) -> None:
        self._read = read
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._not_begun: Future[T] | None = None

    async def get(self) -> T:
        return await share(asyncio.wrap_future(self._next_read()))

    def _next_read(self) -> Future[T]:
        with self._lock:
            if self._not_begun is None:
                self._not_begun = self._executor.submit(self._run)
            return self._not_begun

    def _run(self) -> T:
        with self._lock:
            self._not_begun = None
        return self._read()
