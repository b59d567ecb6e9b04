"""Who wants to know at once that jobs have ended in this process. Only a hint: the rows tell it for sure."""

from __future__ import annotations

from collections.abc import Callable

_listeners: set[Callable[[], None]] = set()


def listen(listener: Callable[[], None]) -> None:
    """`listener` is called from the runner's event loop, so it must neither wait nor raise."""
    _listeners.add(listener)


def forget(listener: Callable[[], None]) -> None:
    _listeners.discard(listener)


def tell() -> None:
    for listener in tuple(_listeners):
        listener()
