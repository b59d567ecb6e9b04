"""A small HTTP server on loopback that plays faults and keeps a log of what its clients did.

    async with FaultServer(answer(500), answer(200, body)) as server:
        ... server.url, server.requests, server.connections

A fault is a coroutine function of one Exchange. Faults are played in order, one for each request; the
last one again and again.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self, cast

REASONS = {200: "OK", 302: "Found", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class SeenRequest:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: Connection

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(eq=False)
class Connection:
    """`closed_by_client_at` is the loop's time at which the client's end was seen; None while it is open."""

    opened_at: float
    closed_by_client_at: float | None = None
    closed_by_server: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_open(self) -> bool:
        return not self.gone.is_set()


class Exchange:
    """One request, and the means to answer it well or badly."""

    def __init__(self, request: SeenRequest, transport: asyncio.Transport) -> None:
        self.request = request
        self._transport = transport

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def write_head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.write("\r\n".join([*lines, "", ""]).encode())

    def write_chunk(self, data: bytes) -> None:
        self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end_chunks(self) -> None:
        self.write(b"0\r\n\r\n")

    def close(self) -> None:
        self.request.connection.closed_by_server = True
        self._transport.close()

    def reset(self) -> None:
        """Ends the connection with a TCP reset instead of an orderly end."""
        self.request.connection.closed_by_server = True
        raw: socket.socket = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


Fault = Callable[[Exchange], Awaitable[None]]


class _Protocol(asyncio.Protocol):
    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connection = Connection(asyncio.get_running_loop().time())
        self._server.connections.append(self._connection)
        self._server.transports.add(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        request = _parse(head, self._connection)
        length = int(request.headers.get("content-length", "0"))
        if len(body) < length:
            return
        self._buffer = body[length:]
        self._play(replace(request, body=body[:length]))

    def _play(self, request: SeenRequest) -> None:
        fault = self._server.next_fault(request)
        self._task = asyncio.ensure_future(fault(Exchange(request, self._transport)))
        self._server.tasks.add(self._task)
        self._task.add_done_callback(self._server.tasks.discard)

    def eof_received(self) -> None:
        self._note_client_closed()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._connection.closed_by_server:
            self._note_client_closed()
        self._server.transports.discard(self._transport)
        self._connection.gone.set()
        if self._task is not None:
            self._task.cancel()

    def _note_client_closed(self) -> None:
        if self._connection.closed_by_client_at is None:
            self._connection.closed_by_client_at = asyncio.get_running_loop().time()


def _parse(head: bytes, connection: Connection) -> SeenRequest:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _version = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return SeenRequest(method, path, headers, b"", connection)


_ROUNDS_TO_ACCEPT = 5
"""Of the loop, until a connection that was accepted a moment ago has its transport, which is then closed."""


class FaultServer:
    def __init__(self, *faults: Fault, tls: ssl.SSLContext | None = None) -> None:
        self._faults = list(faults)
        self._tls = tls
        self.requests: list[SeenRequest] = []
        self.connections: list[Connection] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.transports: set[asyncio.Transport] = set()

    def next_fault(self, request: SeenRequest) -> Fault:
        self.requests.append(request)
        return self._faults.pop(0) if len(self._faults) > 1 else self._faults[0]

    def play_only(self, fault: Fault) -> None:
        """From now on, whatever was planned."""
        self._faults = [fault]

    @property
    def open_connections(self) -> int:
        return sum(connection.is_open for connection in self.connections)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Protocol(self), "127.0.0.1", 0, ssl=self._tls)
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for _ in range(_ROUNDS_TO_ACCEPT):
            await asyncio.sleep(0)
        running = list(self.tasks)
        for task in running:
            task.cancel()
        for task in running:
            with suppress(asyncio.CancelledError):
                await task
        for transport in tuple(self.transports):
            transport.abort()
        while self.transports:
            await asyncio.sleep(0)


async def wait_until(condition: Callable[[], bool], *, timeout_s: float = 5.0) -> None:
    """Raises TimeoutError if the condition does not come true."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
