"""Playwright in a thread of its own.

Its synchronous interface keeps an event loop running in the thread that uses it: there Django refuses the
ORM, and nothing else can run a loop. So it lives in another thread, and a test holds stand-ins for its
objects. A stand-in looks and works like the original: each access and each call is done in that thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_PLAIN = (type(None), str, bytes, int, float, dict)


class PlaywrightThread:
    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="playwright")

    def do(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What the function returns or raises when called in the thread, there with the originals."""
        originals = map(_original, arguments)
        originals_named = {name: _original(value) for name, value in named.items()}
        return self._near(self._executor.submit(function, *originals, **originals_named).result())

    def end(self) -> None:
        self._executor.shutdown()

    def _near(self, result: Any) -> Any:
        if isinstance(result, list):
            return [self._near(each) for each in result]
        return result if isinstance(result, _PLAIN) else StandIn(self, result)


class StandIn:
    def __init__(self, thread: PlaywrightThread, original: Any) -> None:
        self._thread = thread
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return self._thread.do(getattr, self._original, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._thread.do(self._original, *arguments, **named)

    def __enter__(self) -> Any:
        return self._thread.do(self._original.__enter__)

    def __exit__(self, *error: Any) -> Any:
        return self._thread.do(self._original.__exit__, *error)

    def __repr__(self) -> str:
        return f"<stand-in for {self._original!r}>"


def _original(value: Any) -> Any:
    return value._original if isinstance(value, StandIn) else value
