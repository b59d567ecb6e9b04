"""Async tests without a plugin: a test is a plain function that runs one coroutine to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T], *, timeout_s: float = 30) -> T:
    """The coroutine's result; fails after `timeout_s`, and on an exception that a task left unread."""

    async def bounded() -> T:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unhandled.append(context))
        result = await asyncio.wait_for(coroutine, timeout_s)
        assert not unhandled, unhandled
        return result

    return asyncio.run(bounded())
