"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Sequence

from llmbackends.types import ChatResult, TokenUsage

from ..frontdoor.dialect import Ask, Dialect, Stamp, StreamWriter
from . import chat_answers, chat_requests


class ChatDialect:
    name = "chat.completions"

    def read(self, body: bytes) -> Ask:
        return chat_requests.read(body)

    def answer(self, ask: Ask, results: Sequence[ChatResult], usage: TokenUsage, stamp: Stamp) -> bytes:
        return chat_answers.answer(ask, results, usage, stamp)

    def stream(self, ask: Ask, stamp: Stamp) -> StreamWriter:
        return chat_answers.ChatStreamWriter(ask, stamp)


CHAT: Dialect = ChatDialect()
