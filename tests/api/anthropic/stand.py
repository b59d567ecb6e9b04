"""A server that answers the real SDK with what the dialect writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from anthropic import Anthropic

from api.anthropic.errors import anthropic_error
from api.anthropic.messages import MESSAGES
from api.errors import ERRORS, ApiError
from api.frontdoor.dialect import Ask
from generation.failures import PublicError
from llmbackends.types import ChatChunk, ChatResult, TokenUsage
from tests.api.anthropic.writing import STAMP

USAGE = TokenUsage(12, 5)


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: bytes


Answer = Callable[[Ask], Reply]


def plain(result: ChatResult) -> Answer:
    return lambda ask: Reply(200, "application/json", MESSAGES.answer(ask, [result], USAGE, STAMP))


def streamed(*chunks: ChatChunk, failing: str | None = None) -> Answer:
    def answer(ask: Ask) -> Reply:
        writer = MESSAGES.stream(ask, STAMP)
        pieces = [writer.opening(), *(writer.chunk(0, chunk) for chunk in chunks)]
        pieces.append(writer.failure(ERRORS[failing]) if failing else writer.closing(USAGE))
        return Reply(200, "text/event-stream", b"".join(pieces))

    return answer


def refused(error: PublicError) -> Answer:
    """With 400 for 422, as the front door has it."""
    status = replace(error, status=400).status if error.status == 422 else error.status
    return lambda ask: Reply(status, "application/json", anthropic_error(error, "request-1"))


@dataclass(frozen=True)
class Stand:
    """`asked` is what the dialect made of the SDK's bodies."""

    client: Anthropic
    asked: Sequence[Ask]


@contextmanager
def standing(answer: Answer) -> Iterator[Stand]:
    asked: list[Ask] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = self._reply(body)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _reply(self, body: bytes) -> Reply:
            try:
                ask = MESSAGES.read(body)
            except ApiError as error:
                return refused(error.public)(Ask("", ()))
            asked.append(ask)
            return answer(ask)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with Anthropic(
                base_url=f"http://127.0.0.1:{server.server_port}",
                api_key="key",
                max_retries=0,
                timeout=10,
                _strict_response_validation=True,
            ) as client:
                yield Stand(client, asked)
        finally:
            server.shutdown()
            thread.join()
