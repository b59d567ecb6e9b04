"""The way from async views to the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
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


def _release_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
