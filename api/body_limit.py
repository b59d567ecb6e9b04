"""A limit for request bodies where they arrive.

Django compares a body with its limit when a view reads it; its ASGI handler has stored all of it by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Any, Receive, Any], Awaitable[None]]


class BodyLimit:
    """Wraps an ASGI application whose views take no body, or take what is no form of theirs for a forgery, as
    pages do.

    A body above settings.API_MAX_BODY_BYTES is cut there and the rest thrown away as it arrives, whether a
    Content-Length announced it or not. The application itself answers, so that the answer has its headers.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Any) -> None:
        if scope["type"] == "http":
            receive = _LimitedBody(scope, receive, settings.API_MAX_BODY_BYTES)
        await self._application(scope, receive, send)


class _LimitedBody:
    """The `receive` that the application gets."""

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive, max_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._max_bytes = self._left = max_bytes
        self._is_cut = False

    async def __call__(self) -> Message:
        if _announced_length(self._scope) > self._max_bytes:
            return await self._refuse()
        message = await self._receive()
        while self._is_cut and message["type"] == "http.request":
            message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._left -= len(message.get("body", b""))
        return message if self._left >= 0 else self._cut()

    async def _refuse(self) -> Message:
        """Asks for nothing, so that a client that waits for "100 Continue" keeps its body."""
        if self._is_cut:
            await asyncio.get_running_loop().create_future()
        return self._cut()

    def _cut(self) -> Message:
        self._is_cut = True
        # One byte stands for the body, so that a view that reads it sees that there was one.
        return {"type": "http.request", "body": b"{", "more_body": False}


def _announced_length(scope: MutableMapping[str, Any]) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
