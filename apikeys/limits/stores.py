"""What counts the requests of a key: this process, or Redis for all processes."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Protocol

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage

from .window import MINUTE_S, Window


class Store(Protocol):
    """`owner` names the key that the numbers belong to."""

    async def take_slot(self, owner: str, limit: int) -> str | None:
        """One of `limit` slots, for `give_back`; None if all are taken."""
        ...

    async def give_back(self, owner: str, slot: str) -> None: ...

    async def count(self, owner: str, limit: int) -> tuple[bool, Window]:
        """Counts one request of this minute, unless it would be one too many; and how things stand now."""
        ...


class LocalStore:
    """This process alone, on any event loop and in any thread.

    The library's synchronous memory storage: its asynchronous one starts a task for each request on the loop
    of that request, and never waits for anything either.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._windows: MemoryStorage | None = None

    async def take_slot(self, owner: str, limit: int) -> str | None:
        with self._lock:
            if self._taken[owner] >= limit:
                return None
            self._taken[owner] += 1
        return owner

    async def give_back(self, owner: str, slot: str) -> None:
        with self._lock:
            self._taken[owner] -= 1
            if self._taken[owner] <= 0:
                del self._taken[owner]

    async def count(self, owner: str, limit: int) -> tuple[bool, Window]:
        name = RateLimitItemPerMinute(limit).key_for(owner)
        windows = self._opened_windows()
        counted = windows.acquire_sliding_window_entry(name, limit, MINUTE_S)
        return counted, Window(limit, *windows.get_sliding_window(name, MINUTE_S))

    def _opened_windows(self) -> MemoryStorage:
        """Made when it is needed: it starts a thread."""
        with self._lock:
            if self._windows is None:
                self._windows = MemoryStorage()
            return self._windows
