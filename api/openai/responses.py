"""POST /v1/responses: https://platform.openai.com/docs/api-reference/responses/create

Nothing is kept between requests: a client sends the whole conversation each time. Tools are functions of the
client's own. What a model thinks before it answers is not told: these answers have no reasoning items, and
those that a client sends back are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmbackends.types import ChatResult, TokenUsage

from ..frontdoor.dialect import Ask, Dialect, Stamp, StreamWriter
from . import responses_answers, responses_requests
from .responses_events import ResponseStreamWriter


class ResponseDialect:
    name = "responses"

    def read(self, body: bytes) -> Ask:
        return responses_requests.read(body)

    def answer(self, ask: Ask, results: Sequence[ChatResult], usage: TokenUsage, stamp: Stamp) -> bytes:
        return responses_answers.answer(ask, results[0], usage, stamp)

    def stream(self, ask: Ask, stamp: Stamp) -> StreamWriter:
        return ResponseStreamWriter(ask, stamp)


RESPONSES: Dialect = ResponseDialect()
