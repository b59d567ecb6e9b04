"""A model in OpenAI's language that counts how often it was asked for which job."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from collections import Counter

MARK = re.compile(rb"job-(\d+)-")


class Upstream:
    """Answers each prompt with its own mark, in three pieces over some milliseconds."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()
        self.answered: Counter[int] = Counter()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live()), name="upstream", daemon=True
        )
        self._thread.start()
        assert self._is_ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _live(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._stopping.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            else:
                length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
                await self._answer(await reader.readexactly(length), writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        found = MARK.search(body)
        assert found is not None, body
        number = int(found[1])
        self.asked[number] += 1
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n")
        for piece in ("The answer ", "to ", text_of(number).removeprefix("The answer to ")):
            await asyncio.sleep(random.uniform(0, 0.03))
            writer.write(_event({"choices": [{"index": 0, "delta": {"content": piece}}]}))
            await writer.drain()
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        writer.write(
            _event(last | {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
        )
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        self.answered[number] += 1


def prompt_of(number: int) -> str:
    return f"Please answer job-{number}-"


def text_of(number: int) -> str:
    return f"The answer to {number}."


def _event(data: dict[str, object]) -> bytes:
    return b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", **data}).encode() + b"\n\n"
