"""A model's server that costs next to nothing: prebuilt bytes in OpenAI's form of chat completions.

  python -m benchmarks.mock_upstream PORT

A request whose prompt has no plan gets an instant answer. GET /requests tells how many were asked so far.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from dataclasses import dataclass
from typing import Any, cast

import uvloop

from .plans import TEXT, Plan, marked_plan, read_plan

_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_STREAM_MARKS = (b'"stream":true', b'"stream": true')
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_USAGE = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}


@dataclass(frozen=True, slots=True)
class Answer:
    """`parts` are written one after the other, `pace_s` apart; a single one is the whole answer."""

    delay_s: float
    pace_s: float
    parts: tuple[bytes, ...]


@functools.cache
def answer_to(mark: bytes | None, streamed: bool, with_usage: bool) -> Answer:
    plan = Plan() if mark is None else read_plan(mark)
    delay_s, pace_s = plan.delay_ms / 1000, plan.pace_ms / 1000
    if not streamed:
        return Answer(delay_s, 0, (_json_answer(_completion()),))
    parts = _stream(plan, with_usage)
    return Answer(delay_s, pace_s, parts if pace_s else (b"".join(parts),))


def _json_answer(value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _completion() -> dict[str, Any]:
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return _envelope("chat.completion") | {"choices": [choice], "usage": _USAGE}


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-mock", "object": kind, "created": 1_700_000_000, "model": "mock"}


def _stream(plan: Plan, with_usage: bool) -> tuple[bytes, ...]:
    """The first content chunk comes with the head and the role, the last with all that ends the stream."""
    pieces = [_event(_choice({"content": piece})) for piece in plan.pieces]
    pieces[0] = _STREAM_HEAD + _event(_choice({"role": "assistant", "content": ""})) + pieces[0]
    pieces[-1] += _event(_choice({}, finish_reason="stop"))
    if with_usage:
        pieces[-1] += _event({"choices": [], "usage": _USAGE})
    pieces[-1] += _http_chunk(b"data: [DONE]\n\n") + _LAST_CHUNK
    return tuple(pieces)


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _event(value: dict[str, Any]) -> bytes:
    return _http_chunk(b"data: %b\n\n" % json.dumps(_envelope("chat.completion.chunk") | value).encode())


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Upstream(asyncio.Protocol):
    """One kept connection: a request at a time, each answered by what its plan says."""

    requests = 0  # of all connections

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        length = _length_of_request(self._received)
        if length is None or len(self._received) < length:
            return
        request, self._received = self._received[:length], self._received[length:]
        if request.startswith(b"GET /requests"):
            self._transport.write(_json_answer({"requests": Upstream.requests}))
        elif request.startswith(b"GET "):
            self._transport.write(_json_answer({"object": "list", "data": []}))
        else:
            Upstream.requests += 1
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        streamed = any(mark in request for mark in _STREAM_MARKS)
        answer = answer_to(marked_plan(request), streamed, b'"include_usage"' in request)
        if answer.delay_s:
            self._timer = self._loop.call_later(answer.delay_s, self._write, answer, 0)
        else:
            self._write(answer, 0)

    def _write(self, answer: Answer, number: int) -> None:
        self._transport.write(answer.parts[number])
        if number + 1 < len(answer.parts):
            self._timer = self._loop.call_later(answer.pace_s, self._write, answer, number + 1)


def _length_of_request(received: bytes) -> int | None:
    """With head and body; None while that is not known."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return None
    head = received[:end].lower()
    body_start = end + len(_END_OF_HEAD)
    if b"transfer-encoding: chunked" in head:
        last = received.find(_LAST_CHUNK, body_start)
        return None if last < 0 else last + len(_LAST_CHUNK)
    _, found, rest = head.partition(b"content-length:")
    return body_start + (int(rest.split(b"\r\n", 1)[0]) if found else 0)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(loop), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
