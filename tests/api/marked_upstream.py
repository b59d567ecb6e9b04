"""A service whose every answer is full of marks that must not reach a client of the API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.llmbackends import faults
from tests.llmbackends.fault_server import Exchange, Fault, FaultServer
from tests.llmbackends.provider_servers import NDJSON
from tests.waiting import wait_until

MARK = "zqmark"
TEXT = "The tide comes in."
MODEL = f"{MARK}-model"
HEADERS = {"x-request-id": f"{MARK}-id", "server": f"{MARK}-server", "x-ratelimit-limit": MARK}

FAILURES: dict[str, Fault] = {
    "refused key": faults.answer(401, {"error": {"message": f"{MARK} bad key", "code": MARK}}, **HEADERS),
    "no model": faults.answer(404, {"error": {"message": f"{MARK} not found"}}, **HEADERS),
    "bad request": faults.answer(400, {"error": {"message": f"{MARK} is not supported"}}, **HEADERS),
    "too long": faults.answer(
        400, {"error": {"message": f"{MARK} context length", "code": "context_length_exceeded"}}, **HEADERS
    ),
    "too often": faults.answer(429, {"error": {"message": f"{MARK} slow down"}}, retry_after="1", **HEADERS),
    "broken": faults.answer(500, {"error": {"message": f"{MARK} crashed"}}, **HEADERS),
    "loading": faults.answer(503, {"error": {"message": f"{MARK} is loading"}}, **HEADERS),
    "garbage": faults.answer(200, f"<html>{MARK}</html>".encode(), **HEADERS),
    "cut": faults.cut_stream(f"data: {MARK}\n\n"),
    "error event": faults.events(f'event: error\ndata: {{"error": {{"message": "{MARK}"}}}}\n\n'),
}


@dataclass(frozen=True)
class Upstream:
    """How one provider is reached, and how it answers well."""

    provider: str
    answer: Fault
    options: dict[str, Any] = field(default_factory=dict)
    key: str = f"sk-ant-{MARK}-key-0123456789"


async def _chat_completion(exchange: Exchange) -> None:
    common = {"id": f"chatcmpl-{MARK}", "model": MODEL, "system_fingerprint": MARK, "provider": MARK}
    call = {"index": 0, "id": f"call_{MARK}", "function": {"name": "tide", "arguments": "{}"}}
    deltas = [
        {"role": "assistant", "reasoning_content": f"{MARK} thinks"},
        {"content": TEXT, MARK: MARK},
        {"tool_calls": [call]},
    ]
    chunks: list[dict[str, Any]] = [
        {**common, "choices": [{"index": 0, "delta": delta, "text": delta.get("content", "")}]}
        for delta in deltas
    ]
    chunks.append({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({**common, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, MARK: 1}})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    await faults.events(f": {MARK}\n\n", *lines, "data: [DONE]\n\n", headers=_sse())(exchange)


async def _messages(exchange: Exchange) -> None:
    start = {
        "id": f"msg_{MARK}",
        "model": MODEL,
        "content": [],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    tool = {"type": "tool_use", "id": f"toolu_{MARK}", "name": "tide", "input": {}}
    payloads: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop", MARK: MARK},
    ]
    lines = [f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n" for payload in payloads]
    await faults.events(*lines, headers=_sse())(exchange)


async def _ndjson(exchange: Exchange) -> None:
    common = {"model": MODEL, "created_at": MARK, "remote_host": MARK}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 4, "context": [1]}
    payloads = [
        {
            **common,
            "message": {"role": "assistant", "content": TEXT, "thinking": MARK},
            "response": TEXT,
            "done": False,
        },
        {**common, "message": {"role": "assistant", "content": ""}, **end},
    ]
    lines = [json.dumps(payload) + "\n" for payload in payloads]
    await faults.events(*lines, headers={**NDJSON, **HEADERS})(exchange)


async def _plain_json(exchange: Exchange) -> None:
    answer = {"reply": {"text": TEXT}, "engine": MARK, "counts": {"in": 3, "out": 4}}
    await faults.answer(200, answer, **HEADERS)(exchange)


def _sse() -> dict[str, str]:
    return {**faults.SSE, **HEADERS}


UPSTREAMS = (
    Upstream("llama-cpp", _chat_completion),
    Upstream("anthropic", _messages),
    Upstream("ollama", _ndjson, {"keep_alive": f"{MARK}-5m"}, key=""),
    Upstream(
        "http-generic",
        _plain_json,
        {
            "path": f"/{MARK}-path",
            "headers": {"x-tenant": MARK},
            "body": {"tenant": MARK, "question": "{{prompt}}"},
            "text_path": "reply.text",
            "prompt_tokens_path": "counts.in",
            "completion_tokens_path": "counts.out",
            "check_path": f"/{MARK}-alive",
        },
    ),
)


@contextlib.contextmanager
def running(upstream: Upstream) -> Iterator[str]:
    """The service, in a thread; yields its URL. What a prompt names of FAILURES is what it gets.

    End those who call it before it: it waits for their connections to close.
    """

    async def play(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            models = {"data": [{"id": MODEL}], "models": [{"name": MODEL}]}
            await faults.answer(200, models, **HEADERS)(exchange)
            return
        asked = exchange.request.body.decode()
        fault = next((fault for name, fault in FAILURES.items() if f"[{name}]" in asked), upstream.answer)
        await fault(exchange)

    with _loop_in_thread() as loop:
        server = FaultServer(play)
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        try:
            yield server.url
            wait_until(lambda: not server.open_connections)
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)


@contextlib.contextmanager
def _loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
