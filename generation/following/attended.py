"""Reading on for a client who waits: what comes, when nothing came for long, when the process has to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, Final, TypeVar

from background.draining import cancel_and_wait, draining

T = TypeVar("T")

STALLED_S = 60.0
"""A client that has not taken what came by then is taken for gone."""


class Moment(Enum):
    SILENCE = auto()
    DRAINING = auto()


async def attended(
    source: AsyncGenerator[T, None], *, silence_s: float, grace_s: float = 0.0
) -> AsyncGenerator[T | Moment, None]:
    """The items of `source`; SILENCE each time that none has come for `silence_s`; DRAINING as the last one,
    `grace_s` after the process began to drain. Closes `source`, however it ends.

    Cancels the task that reads it if that takes longer than STALLED_S over one; Django's handler takes this
    for a client that has left.
    """
    upcoming = asyncio.ensure_future(anext(source, _END))
    drained = asyncio.ensure_future(_drained(grace_s))

    async def close() -> None:
        await cancel_and_wait(upcoming, drained)
        await source.aclose()

    try:
        while not drained.done():
            await asyncio.wait((upcoming, drained), timeout=silence_s, return_when=asyncio.FIRST_COMPLETED)
            if upcoming.done():
                item = upcoming.result()
                if isinstance(item, _End):
                    return
                with _taken_in_time(close):
                    yield item
                upcoming = asyncio.ensure_future(anext(source, _END))
            elif not drained.done():
                with _taken_in_time(close):
                    yield Moment.SILENCE
        with _taken_in_time(close):
            yield Moment.DRAINING
    finally:
        await close()


@contextmanager
def _taken_in_time(close: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    reader = asyncio.current_task()
    assert reader is not None
    timer = asyncio.get_running_loop().call_later(STALLED_S, _begin_to_give_up, reader, close)
    try:
        yield
    finally:
        timer.cancel()


def _begin_to_give_up(reader: asyncio.Task[Any], close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    giving_up = asyncio.ensure_future(_give_up(reader, close))
    _under_way.add(giving_up)
    giving_up.add_done_callback(_under_way.discard)


async def _give_up(reader: asyncio.Task[Any], close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Django leaves it to the garbage collector to close the generators of a response that was cancelled."""
    reader.cancel()
    await asyncio.wait((reader,))
    await close()


_under_way: set[asyncio.Future[None]] = set()
"""The event loop itself keeps no reference."""


class _End:
    pass


_END: Final = _End()


async def _drained(grace_s: float) -> None:
    await draining.wait()
    await asyncio.sleep(grace_s)
