"""A model in OpenAI's language that counts how often it was asked for which job."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter

from .serving import ThreadedServer

MARK = re.compile(rb"job-(\d+)-")


class Upstream(ThreadedServer):
    """Answers each prompt with its own mark, in three pieces over some milliseconds."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()
        self.answered: Counter[int] = Counter()
        super().__init__("upstream")

    async def _play(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
        else:
            await self._answer(body, writer)

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
