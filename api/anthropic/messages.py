"""POST /v1/messages, in Anthropic's language."""

from __future__ import annotations

from collections.abc import Sequence

from llmbackends.types import ChatResult, TokenUsage

from ..frontdoor.dialect import Ask, Dialect, Stamp, StreamWriter
from . import answers, requests
from .events import MessageStreamWriter


class MessagesDialect:
    name = "messages"

    def read(self, body: bytes) -> Ask:
        return requests.read(body)

    def answer(self, ask: Ask, results: Sequence[ChatResult], usage: TokenUsage, stamp: Stamp) -> bytes:
        return answers.answer(results[0], usage, stamp)

    def stream(self, ask: Ask, stamp: Stamp) -> StreamWriter:
        return MessageStreamWriter(stamp)


MESSAGES: Dialect = MessagesDialect()
