"""How long what staff have written and others have sent may keep an event loop: what may take longer than a
few milliseconds is done in a thread, beside it.

How long it takes is known only by doing it: a few hundred characters can be more work for one schema than a
megabyte for another. So it is begun on the loop and counts its steps; what takes too many is stopped, and
begins again in a thread. There are two of these for all that a process does so: Python runs one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST_STEPS: Final = 1_000
"""Of about 4 µs each."""
_threads = ThreadPoolExecutor(2, thread_name_prefix="effort")


class _TooLong(Exception):
    pass


@dataclass(slots=True)
class _Left:
    steps: int


_left: ContextVar[_Left | None] = ContextVar("left", default=None)
"""None in a thread, where it may take its time."""


def spend(steps: int) -> None:
    """Called wherever the work grows with what was sent."""
    left = _left.get()
    if left is not None:
        left.steps -= steps
        if left.steps < 0:
            raise _TooLong


async def here_or_beside(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns or raises. It may be called twice, and uses no database."""
    began = _left.set(_Left(MOST_STEPS))
    try:
        return function(*args, **kwargs)
    except _TooLong:
        pass
    finally:
        _left.reset(began)
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: function(*args, **kwargs))
