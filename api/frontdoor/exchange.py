"""One HTTP request and its answer in ASGI's own terms, without Django's objects for them.

ASGI's messages: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from django.conf import settings

from ..errors import ApiError, too_large
from .ids import new_id

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_GZIP_OR_ZLIB = 47
"""zlib's `wbits` for a body in either form, told apart by its first bytes."""
_READ_ON = 4
"""How many times the limit a body is read before its connection is given up."""


class ClientGone(Exception):
    """The client hung up before it had sent its request."""


class Exchange:
    """`headers` are those of the request by their names in lower case; of a repeated one the last.

    `extra_headers` go into the answer, whatever it will be.
    """

    __slots__ = (
        "_has_asked", "_receive", "_send", "extra_headers", "has_started", "headers", "method", "path",
        "request_id", "scope",
    )  # fmt: skip

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        offered = self.headers.get("x-request-id", "")
        self.request_id = offered if _ACCEPTABLE_ID.fullmatch(offered) else new_id()
        self.extra_headers: list[Header] = []
        self.has_started = False
        self._has_asked = False
        self._receive = receive
        self._send = send

    def all_of(self, name: str) -> str:
        """The values of a header that may be repeated, joined by commas."""
        values = [value for its_name, value in self.scope["headers"] if its_name == name.encode()]
        return b",".join(values).decode("latin-1")

    async def body(self) -> bytes:
        """The body as it was sent, see `unpacked`. Raises ApiError if it is too large, or ClientGone."""
        limit = settings.API_MAX_BODY_BYTES
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise too_large()  # asks for nothing, so a client that waits for "100 Continue" keeps its body
        message = await self._next_part()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            body = await self._rest_of_body(body, limit)
        if len(body) > limit:
            raise too_large()
        return body

    def unpacked(self, body: bytes) -> bytes:
        """The body decompressed, where it was compressed. Raises ApiError if it is too large or damaged."""
        encoding = self.headers.get("content-encoding")
        if encoding is None:
            return body
        return _decompressed(body, encoding.strip().lower(), settings.API_MAX_BODY_BYTES)

    async def wait_until_gone(self) -> None:
        """Returns when the client has hung up, or has got its answer. Call it once the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(
        self,
        status: int,
        body: bytes,
        *,
        content_type: bytes = b"application/json",
        headers: Iterable[Header] = (),
    ) -> None:
        """The whole answer."""
        await self._start(status, content_type, (*headers, (b"content-length", b"%d" % len(body))))
        await self._send({"type": "http.response.body", "body": body if self.method != "HEAD" else b""})

    async def start_stream(self) -> None:
        """The head of an answer of server-sent events; `piece` and `end_stream` follow."""
        await self._start(200, b"text/event-stream; charset=utf-8", _STREAM_HEADERS)

    async def piece(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end_stream(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data})

    async def _start(self, status: int, content_type: bytes, headers: Iterable[Header]) -> None:
        self.has_started = True
        head = [
            (b"content-type", content_type),
            (b"x-request-id", self.request_id.encode()),
            *headers,
            *self.extra_headers,
        ]
        if "expect" in self.headers and not self._has_asked:
            # The client keeps the body that it announced; what comes next would be taken for it.
            head.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def _next_part(self) -> Message:
        self._has_asked = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    async def _rest_of_body(self, start: bytes, limit: int) -> bytes:
        """Thrown away above the limit, but read on for a while: who still sends reads no answer."""
        body, is_complete, size = bytearray(start), False, len(start)
        while not is_complete and size <= _READ_ON * limit:
            message = await self._next_part()
            size += len(message.get("body", b""))
            if size <= limit:
                body += message.get("body", b"")
            is_complete = not message.get("more_body")
        if not is_complete:
            self.extra_headers.append((b"connection", b"close"))
        if size > limit:
            raise too_large()
        return bytes(body)


_STREAM_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back
)


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ApiError(
            "invalid_request",
            "The body has a Content-Encoding that is not known here. Send it plain, or as gzip or deflate.",
            param="Content-Encoding",
        )
    plain = b""
    while body:  # gzip allows several, one after the other
        inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            plain += inflater.decompress(body, limit + 1 - len(plain))
        except zlib.error:
            raise _damaged(encoding) from None
        if len(plain) > limit:
            raise too_large()
        if not inflater.eof:
            raise _damaged(encoding)
        body = inflater.unused_data
    return plain


def _damaged(encoding: str) -> ApiError:
    return ApiError(
        "invalid_request", f"The body is not complete and valid {encoding}.", param="Content-Encoding"
    )
