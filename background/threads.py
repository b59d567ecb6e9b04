"""The way from async views to the database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `function` in the request's thread and gives its database connection back before returning.

    Else a request that goes on to wait or to stream would hold a connection while it does.
    """

    def run() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            _release_connections()

    return await sync_to_async(run)()


async def release_connections() -> None:
    """To be awaited before a long wait in a view, for the database may have been used until then."""
    await in_thread(lambda: None)


async def give_thread_back() -> None:
    """To be awaited where a stream begins: asgiref would keep the request's thread until the response has
    ended, and in it the connection that middleware may have used after the view.

    Not before that, for middleware still uses the thread. What the request calls later runs in one thread
    for all streams.
    """
    await release_connections()
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is None:
        return
    own = SyncToAsync.context_to_thread_executor.get(context)
    SyncToAsync.context_to_thread_executor[context] = _of_all_streams
    if own is not None:
        own.shutdown(wait=False)


class _SharedThread(ThreadPoolExecutor):
    """Thousands of streams may end at once, each with the calls that Django makes for it then."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="ends-of-streams")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No-op: asgiref calls it at the end of each request."""


_of_all_streams = _SharedThread()


def _release_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
