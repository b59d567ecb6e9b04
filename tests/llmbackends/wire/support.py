"""A stream's bytes through the parser and the decoder, as the driver leads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmbackends.framing import parser_for
from llmbackends.types import ChatChunk, ChatResult, ChunkCollector
from llmbackends.wire import Options, Wire


def sse(*payloads: Any) -> bytes:
    """Unnamed events; a text stands for itself, anything else is written as JSON."""
    return b"".join(f"data: {_text(payload)}\n\n".encode() for payload in payloads)


def named_sse(*payloads: dict[str, Any]) -> bytes:
    """Events named by their `type`."""
    return b"".join(f"event: {each['type']}\ndata: {_text(each)}\n\n".encode() for each in payloads)


def ndjson(*payloads: Any) -> bytes:
    return b"".join(f"{_text(payload)}\n".encode() for payload in payloads)


def stream(
    wire: Wire, body: bytes, *, route: str = "chat", options: Options | None = None
) -> Iterator[ChatChunk]:
    """The chunks, up to the error that ends them."""
    options = options or {}
    framing = wire.framing(options)
    assert framing is not None
    parser = parser_for(framing)
    decoder = wire.stream_decoder(route=route, options=options)
    for event in (*parser.feed(body), *parser.close()):
        yield from decoder.feed(event.event, event.data)
    yield from decoder.close()
    assert decoder.ended


def streamed_result(
    wire: Wire, body: bytes, *, route: str = "chat", options: Options | None = None
) -> ChatResult:
    """The whole of a stream whose last chunk, and only it, has a finish reason."""
    chunks = list(stream(wire, body, route=route, options=options))
    assert [chunk.finish_reason is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(chunk.usage is None for chunk in chunks[:-1])
    collector = ChunkCollector()
    for chunk in chunks:
        collector.add(chunk)
    return collector.result()


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
