"""Services in miniature: the least that each language's service answers, well formed and well behaved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmbackends.catalog import PROVIDERS, Provider

from . import faults
from .fault_server import Exchange, Fault

PIECES = ("Grüße", " aus", " der Ferne", " 🌍.")
TEXT = "".join(PIECES)
PROMPT_TOKENS, COMPLETION_TOKENS = 11, 4
MODEL = "model-a"
MODELS = ("model-a", "model-b")
DIMENSIONS = 3
_PAUSE_S = 0.01

NDJSON = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True)
class Service:
    """What stands in for a provider: how it answers, and what a spec needs to reach it."""

    play: Fault
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


async def openai(exchange: Exchange) -> None:
    if exchange.request.method == "GET":
        await faults.answer(200, {"data": [{"id": name} for name in reversed(MODELS)]})(exchange)
        return
    if exchange.request.path.endswith("/embeddings"):
        await _openai_embeddings(exchange)
        return
    is_chat = exchange.request.path.endswith("/chat/completions")
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
    if not exchange.request.json().get("stream"):
        content = {"message": {"content": TEXT}} if is_chat else {"text": TEXT}
        choice = {"index": 0, **content, "finish_reason": "stop", "logprobs": _logprobs(exchange, *PIECES)}
        await faults.answer(200, {"choices": [choice], "usage": usage})(exchange)
        return
    contents = [{"delta": {"content": text}} if is_chat else {"text": text} for text in PIECES]
    choices = [
        content | {"logprobs": _logprobs(exchange, text)}
        for content, text in zip(contents, PIECES, strict=True)
    ]
    payloads: list[Any] = [{"choices": [choice]} for choice in choices]
    payloads += [{"choices": [{"delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
    lines = [f"data: {json.dumps(payload)}\n\n" for payload in payloads]
    await faults.events(*lines, "data: [DONE]\n\n", pause_s=_PAUSE_S)(exchange)


async def _openai_embeddings(exchange: Exchange) -> None:
    rows = [{"index": index, "embedding": vector} for index, vector in enumerate(_vectors(exchange))]
    await faults.answer(200, {"data": rows[::-1], "usage": {"prompt_tokens": PROMPT_TOKENS}})(exchange)


def _vectors(exchange: Exchange) -> list[list[float]]:
    asked = exchange.request.json()
    return [[float(len(text))] * asked.get("dimensions", DIMENSIONS) for text in asked["input"]]


def _logprobs(exchange: Exchange, *tokens: str) -> dict[str, Any] | None:
    """Of more likely tokens than were asked for, which some services tell."""
    if not exchange.request.json().get("logprobs"):
        return None
    likely = [{"token": token, "logprob": -0.5, "bytes": list(token.encode())} for token in tokens]
    return {"content": [{**each, "top_logprobs": [each] * 5} for each in likely]}


async def anthropic(exchange: Exchange) -> None:
    if exchange.request.method == "GET":
        await faults.answer(200, {"data": [{"id": name} for name in reversed(MODELS)]})(exchange)
        return
    usage = {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS}
    if not exchange.request.json().get("stream"):
        content = [{"type": "text", "text": TEXT}]
        payload = {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage}
        await faults.answer(200, payload)(exchange)
        return
    await faults.events(*map(_anthropic_event, _anthropic_payloads(usage)), pause_s=_PAUSE_S)(exchange)


def _anthropic_payloads(usage: dict[str, int]) -> Sequence[dict[str, Any]]:
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in PIECES
    ]
    return [
        {"type": "message_start", "message": {"content": [], "usage": {**usage, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]


def _anthropic_event(payload: dict[str, Any]) -> str:
    return f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n"


async def ollama(exchange: Exchange) -> None:
    if exchange.request.method == "GET":
        await faults.answer(200, {"models": [{"name": name} for name in reversed(MODELS)]})(exchange)
        return
    if exchange.request.path == "/api/embed":
        payload = {"embeddings": _vectors(exchange), "prompt_eval_count": PROMPT_TOKENS}
        await faults.answer(200, payload)(exchange)
        return
    is_chat = exchange.request.path == "/api/chat"
    counts = {"prompt_eval_count": PROMPT_TOKENS, "eval_count": COMPLETION_TOKENS}
    end = {"done": True, "done_reason": "stop", **counts}
    if not exchange.request.json()["stream"]:
        told = {"logprobs": (_logprobs(exchange, *PIECES) or {}).get("content")}
        await faults.answer(200, _ollama_line(TEXT, is_chat) | end | told)(exchange)
        return
    pieces = [
        _ollama_line(text, is_chat) | {"logprobs": (_logprobs(exchange, text) or {}).get("content")}
        for text in PIECES
    ]
    payloads = [*pieces, _ollama_line("", is_chat) | end]
    lines = [json.dumps(payload) + "\n" for payload in payloads]
    await faults.events(*lines, headers=NDJSON, pause_s=_PAUSE_S)(exchange)


def _ollama_line(text: str, is_chat: bool) -> dict[str, Any]:
    content = {"message": {"role": "assistant", "content": text}} if is_chat else {"response": text}
    return {"model": MODEL, **content, "done": False}


GENERIC_OPTIONS: dict[str, Any] = {
    "path": "/ask",
    "body": {"question": "{{prompt}}", "streaming": "{{stream}}"},
    "text_path": "reply.text",
    "finish_reason_path": "reply.why",
    "prompt_tokens_path": "counts.in",
    "completion_tokens_path": "counts.out",
    "stream_framing": "ndjson",
    "stream_text_path": "piece",
    "stream_end": "reply.why=*",
    "check_path": "/alive",
    "models_path": "/list",
    "model_names_path": "names.*",
}


async def generic(exchange: Exchange) -> None:
    if exchange.request.method == "GET":
        await faults.answer(200, {"names": list(reversed(MODELS))})(exchange)
        return
    counts = {"in": PROMPT_TOKENS, "out": COMPLETION_TOKENS}
    if not exchange.request.json()["streaming"]:
        await faults.answer(200, {"reply": {"text": TEXT, "why": "stop"}, "counts": counts})(exchange)
        return
    payloads = [*({"piece": text} for text in PIECES), {"reply": {"why": "stop"}, "counts": counts}]
    lines = [json.dumps(payload) + "\n" for payload in payloads]
    await faults.events(*lines, headers=NDJSON, pause_s=_PAUSE_S)(exchange)


SERVICES: dict[str, Service] = {
    "ollama": Service(ollama),
    "llama-cpp": Service(openai),
    "vllm": Service(openai),
    "groq": Service(openai, key="gsk_0123456789abcdef"),
    "openai": Service(openai, key="sk-0123456789abcdef"),
    "anthropic": Service(anthropic, key="sk-ant-0123456789abcdef"),
    "openrouter": Service(openai, key="sk-or-0123456789abcdef"),
    "http-generic": Service(generic, options=GENERIC_OPTIONS),
}


def http_providers() -> list[Provider]:
    return [provider for provider in PROVIDERS if provider.driver == "http"]
