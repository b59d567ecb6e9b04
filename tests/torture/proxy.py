"""A TCP proxy that can cut its connections, or go on holding them without passing anything on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Any


class Proxy:
    """Runs in a thread of its own; all methods may be called from any thread."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._open: set[asyncio.StreamWriter] = set()
        self._is_ready = threading.Event()
        self._passes: asyncio.Event
        self.resets = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="proxy", daemon=True)
        self._thread.start()
        assert self._is_ready.wait(10)

    def reset_all(self) -> None:
        """RST on every connection."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def hold(self) -> None:
        """Half-open: connections stay, new ones are accepted, nothing goes through."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._passes.set)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._passes, self._stopping = asyncio.Event(), asyncio.Event()
        self._passes.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._stopping.wait()
        server.close()
        self._reset_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            its_reader, its_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            _abort(writer)
            self._open.discard(writer)
            return
        self._open.add(its_writer)
        await asyncio.gather(self._pump(reader, its_writer), self._pump(its_reader, writer))
        self._open -= {writer, its_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    def _reset_all(self) -> None:
        for writer in tuple(self._open):
            _abort(writer)
            self.resets += 1


def _abort(writer: asyncio.StreamWriter) -> None:
    raw: Any = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
