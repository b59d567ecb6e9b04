"""Waiting for one piece of work together."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")


async def share(work: asyncio.Future[T]) -> T:
    """Its result, as for everybody who waits for it: cancelling one of them does not cancel the work.

    If all were cancelled and the work fails then, nobody is left to be told, and asyncio does not complain.
    """
    work.add_done_callback(_count_as_read)
    return await asyncio.shield(work)


def _count_as_read(work: asyncio.Future[Any]) -> None:
    if not work.cancelled():
        work.exception()
