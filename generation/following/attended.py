"""Reading on for a client who waits: what comes, when nothing came for long, when the process has to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import Enum, auto
from typing import Final, TypeVar

from background.draining import cancel_and_wait, draining

T = TypeVar("T")


class Moment(Enum):
    SILENCE = auto()
    DRAINING = auto()


async def attended(
    source: AsyncGenerator[T, None], *, silence_s: float, grace_s: float = 0.0
) -> AsyncGenerator[T | Moment, None]:
    """The items of `source`; SILENCE each time that none has come for `silence_s`; DRAINING as the last one,
    `grace_s` after the process began to drain. Closes `source`, however it ends."""
    async with aclosing(source):
        upcoming = asyncio.ensure_future(anext(source, _END))
        drained = asyncio.ensure_future(_drained(grace_s))
        try:
            while not drained.done():
                await asyncio.wait(
                    (upcoming, drained), timeout=silence_s, return_when=asyncio.FIRST_COMPLETED
                )
                if upcoming.done():
                    item = upcoming.result()
                    if isinstance(item, _End):
                        return
                    yield item
                    upcoming = asyncio.ensure_future(anext(source, _END))
                elif not drained.done():
                    yield Moment.SILENCE
            yield Moment.DRAINING
        finally:
            await cancel_and_wait(upcoming, drained)


class _End:
    pass


_END: Final = _End()


async def _drained(grace_s: float) -> None:
    await draining.wait()
    await asyncio.sleep(grace_s)
