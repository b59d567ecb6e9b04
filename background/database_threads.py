"""The threads in which a runner's event loop reads and writes the database."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import connections

from epochs.outages import DATABASE_DOWN

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger(__name__)


_AGAIN_S = (0.1, 0.5, 1.0, 2.0, 5.0)


async def insist(write: Callable[[], Awaitable[T]], *, event: str, **facts: str) -> T:
    """Tries until the database has answered; logs each failure as `event` with these facts."""
    failures = 0
    while True:
        try:
            return await write()
        except DATABASE_DOWN as error:
            log.error(event, **facts, error=str(error))
        await asyncio.sleep(_AGAIN_S[min(failures, len(_AGAIN_S) - 1)])
        failures += 1


class DatabaseThreads:
    """A few threads, each with one connection for as long as it works.

    A connection that failed is closed, so the next call gets a new one; one that comes from a pool goes back
    after each call. `stop()` closes all.
    """

    def __init__(self, *, count: int, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-database-{number}", daemon=True)
            for number in range(1, count + 1)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future: Future[T] = Future()
        self._calls.put((future, lambda: function(*args, **kwargs)))
        return await asyncio.wrap_future(future)

    def stop(self, *, timeout_s: float) -> None:
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("database_thread_stuck", thread=thread.name)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _answer(*call)
        _close_connections()


def _answer(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # it belongs to the caller, not to this thread
        _close_connections()
        future.set_exception(error)
    else:
        _return_to_pool()
        future.set_result(result)


def _return_to_pool() -> None:
    used = connections.all(initialized_only=True)
    if any("pool" in connection.settings_dict["OPTIONS"] for connection in used):
        _close_connections()


def _close_connections() -> None:
    try:
        connections.close_all()
    except Exception:
        log.exception("connection_not_closed")
