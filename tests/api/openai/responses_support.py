"""The dialect of /v1/responses between a model that is a list of chunks and OpenAI's own client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai

from api.errors import ApiError
from api.frontdoor.dialect import Ask, Stamp
from api.openai.errors import openai_error
from api.openai.responses import RESPONSES
from generation.failures import PublicError
from llmbackends.types import ChatChunk, ChunkCollector, FinishReason, TokenUsage, ToolCallDelta
from tests.api.sse import events_in

STAMP = Stamp("0123456789abcdef0123456789abcdef", 1_800_000_000, "default")
USAGE = TokenUsage(11, 7)
HELLO: dict[str, Any] = {"model": "default", "input": "Hello"}
TIDE: dict[str, Any] = {
    "type": "function",
    "name": "tide",
    "parameters": {
        "type": "object",
        "properties": {"port": {"type": "string"}},
        "required": ["port"],
        "additionalProperties": False,
    },
    "strict": True,
}

STOP = ChatChunk(finish_reason=FinishReason.STOP)
CUT_SHORT = ChatChunk(finish_reason=FinishReason.LENGTH)
FILTERED = ChatChunk(finish_reason=FinishReason.CONTENT_FILTER)
CALLED = ChatChunk(finish_reason=FinishReason.TOOL_CALLS)


def text(*pieces: str) -> list[ChatChunk]:
    return [ChatChunk(text=piece) for piece in pieces]


def call(*arguments: str, index: int = 0, name: str = "tide") -> list[ChatChunk]:
    first = ToolCallDelta(index, id="upstream-id", name=name)
    return [
        ChatChunk(tool_calls=(first,)),
        *(ChatChunk(tool_calls=(ToolCallDelta(index, arguments=piece),)) for piece in arguments),
    ]


def read(**fields: Any) -> Ask:
    return RESPONSES.read(json.dumps({**HELLO, **fields}).encode())


def answered(chunks: Sequence[ChatChunk], **fields: Any) -> Any:
    """The JSON of a whole answer."""
    return json.loads(_whole(read(**fields), chunks))


def streamed(chunks: Sequence[ChatChunk], failure: PublicError | None = None, **fields: Any) -> list[Any]:
    """The data of all events of a stream, each of which has the name that its data says."""
    lines = _stream(read(**fields), chunks, failure).decode().split("\n")
    events = list(events_in(lines))
    assert [event.name for event in events] == [event.data["type"] for event in events]
    return [event.data for event in events]


@contextmanager
def client_of(chunks: Sequence[ChatChunk], failure: PublicError | None = None) -> Iterator[openai.OpenAI]:
    """Strict: what is not exactly as OpenAI's schema has it is an exception."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(chunks, failure))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with openai.OpenAI(
            base_url=f"http://127.0.0.1:{server.server_port}/v1",
            api_key="none",
            max_retries=0,
            timeout=30,
            _strict_response_validation=True,
        ) as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _whole(ask: Ask, chunks: Sequence[ChatChunk]) -> bytes:
    collector = ChunkCollector()
    for chunk in chunks:
        collector.add(chunk)
    return RESPONSES.answer(ask, [collector.result()], USAGE, STAMP)


def _stream(ask: Ask, chunks: Sequence[ChatChunk], failure: PublicError | None) -> bytes:
    writer = RESPONSES.stream(ask, STAMP)
    pieces = [writer.opening(), *(writer.chunk(0, chunk) for chunk in chunks)]
    end = writer.closing(USAGE) if failure is None else writer.failure(failure)
    return b"".join([*pieces, end])


def _handler(chunks: Sequence[ChatChunk], failure: PublicError | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                ask = RESPONSES.read(body)
            except ApiError as error:
                self._answer(400, "application/json", openai_error(error.public))
                return
            if ask.stream:
                self._answer(200, "text/event-stream", _stream(ask, chunks, failure))
            else:
                self._answer(200, "application/json", _whole(ask, chunks))

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
