"""Streams for the tests: chunks in, events out."""

from __future__ import annotations

import json
from typing import Any

from api.anthropic.messages import MESSAGES
from api.frontdoor.dialect import Stamp, StreamWriter
from llmbackends.types import ChatChunk, FinishReason, TokenUsage, ToolCallDelta
from tests.api.anthropic.reading import body

STAMP = Stamp("0123456789abcdef0123456789abcdef", 1_700_000_000, "default")


def new_writer() -> StreamWriter:
    return MESSAGES.stream(MESSAGES.read(body(stream=True)), STAMP)


def text(piece: str) -> ChatChunk:
    return ChatChunk(piece)


def call(index: int, name: str | None = None, arguments: str = "") -> ChatChunk:
    return ChatChunk(
        tool_calls=(ToolCallDelta(index, f"upstream-{index}" if name else None, name, arguments),)
    )


def end(reason: FinishReason = FinishReason.STOP) -> ChatChunk:
    return ChatChunk(finish_reason=reason)


def stream_of(*chunks: ChatChunk) -> bytes:
    writer = new_writer()
    pieces = [writer.chunk(0, chunk) for chunk in chunks]
    return writer.opening() + b"".join(pieces) + writer.closing(TokenUsage(12, 5))


def events_in(stream: bytes) -> list[dict[str, Any]]:
    """Their data; the name of each is checked against its type."""
    assert stream.endswith(b"\n\n") or not stream
    return [_event(frame) for frame in stream.decode().split("\n\n")[:-1]]


def shape_of(stream: bytes) -> list[str]:
    """Each block as its events: "0 start text", "0 + hello", "0 stop"."""
    return [_shape(event) for event in events_in(stream) if event["type"].startswith("content_block")]


def _event(frame: str) -> dict[str, Any]:
    name, data = frame.split("\n")
    event: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert name == f"event: {event['type']}"
    return event


def _shape(event: dict[str, Any]) -> str:
    told = {
        "content_block_start": lambda: f"start {event['content_block'].get('name', 'text')}",
        "content_block_delta": lambda: f"+ {event['delta'].get('text') or event['delta']['partial_json']}",
        "content_block_stop": lambda: "stop",
    }
    return f"{event['index']} {told[event['type']]()}"
