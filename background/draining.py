"""Whether this process is about to stop: long answers end themselves instead of being cut."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Draining:
    """A flag that a signal handler may set, and that coroutines of any loop can wait for."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: set[asyncio.Future[None]] = set()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        """Takes no lock, since it runs in a signal handler."""
        self._is_set = True
        for waiter in tuple(self._waiters):
            with suppress(RuntimeError):  # its loop is closed
                waiter.get_loop().call_soon_threadsafe(_end, waiter)

    def clear(self) -> None:
        """For tests, and for a process that starts to serve again."""
        self._is_set = False

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            # Looked at only now: `set` may have run before the waiter could be found.
            if not self._is_set:
                await waiter
        finally:
            self._waiters.discard(waiter)


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


draining = Draining()


async def unless_draining(work: Coroutine[Any, Any, T], *, otherwise: T) -> T:
    """The result of `work`; `otherwise`, at once, if the process begins to drain before it is there."""
    working = asyncio.ensure_future(work)
    drained = asyncio.ensure_future(draining.wait())
    try:
        await asyncio.wait((working, drained), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else otherwise
    finally:
        await cancel_and_wait(working, drained)


async def cancel_and_wait(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
