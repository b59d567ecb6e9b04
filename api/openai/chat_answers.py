"""Answers of POST /v1/chat/completions: https://platform.openai.com/docs/api-reference/chat/object"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from generation.failures import PublicError
from llmbackends.types import (
    ChatChunk,
    ChatResult,
    LikelyToken,
    TokenLogprob,
    TokenUsage,
    ToolCall,
    ToolCallDelta,
)

from ..frontdoor.dialect import Ask, Stamp
from .errors import openai_error

_encode = msgspec.json.encode
DONE = b"data: [DONE]\n\n"


def answer(ask: Ask, results: Sequence[ChatResult], usage: TokenUsage, stamp: Stamp) -> bytes:
    return _encode(
        {
            "id": f"chatcmpl-{stamp.id}",
            "object": "chat.completion",
            "created": stamp.created,
            "model": stamp.model,
            "choices": [
                {
                    "index": index,
                    "message": _message(result, stamp, index),
                    "logprobs": _logprobs(result.logprobs, ask.requests[index].top_logprobs is not None),
                    "finish_reason": result.finish_reason,
                }
                for index, result in enumerate(results)
            ],
            "usage": usage_object(usage),
        }
    )


def usage_object(usage: TokenUsage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


class ChatStreamWriter:
    """The constant parts of a chunk are written once: all that changes from token to token is a text."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        self._stamp = stamp
        self._choices = len(ask.requests)
        self._calls: list[dict[int, int]] = [{} for _ in ask.requests]
        self._includes_usage = bool(ask.details)
        self._has_logprobs = ask.requests[0].top_logprobs is not None
        self._head = _encode(
            {
                "id": f"chatcmpl-{stamp.id}",
                "object": "chat.completion.chunk",
                "created": stamp.created,
                "model": stamp.model,
            }
        ).removesuffix(b"}")
        self._tail = (b',"usage":null' if self._includes_usage else b"") + b"}\n\n"
        self._text_heads = [
            b'data: %b,"choices":[{"index":%d,"delta":{"content":' % (self._head, choice)
            for choice in range(self._choices)
        ]
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._tail

    def opening(self) -> bytes:
        role = {"role": "assistant", "content": ""}
        return b"".join(self._event(choice, role) for choice in range(self._choices))

    def chunk(self, choice: int, chunk: ChatChunk) -> bytes:
        written = self._text(choice, chunk) if chunk.text or chunk.logprobs else b""
        if chunk.tool_calls:
            calls = [self._delta(choice, call) for call in chunk.tool_calls]
            written += self._event(choice, {"tool_calls": calls})
        if chunk.finish_reason is not None:
            written += self._event(choice, {}, finish_reason=chunk.finish_reason)
        return written

    def closing(self, usage: TokenUsage) -> bytes:
        if not self._includes_usage:
            return DONE
        return b'data: %b,"choices":[],"usage":%b}\n\n%b' % (self._head, _encode(usage_object(usage)), DONE)

    def failure(self, error: PublicError) -> bytes:
        return b"data: %b\n\n" % openai_error(error)

    def _delta(self, choice: int, call: ToolCallDelta) -> dict[str, Any]:
        """Calls are numbered as they first appear: an upstream's own numbers may begin anywhere.

        The id, the type and the name come with the first piece of a call alone.
        """
        calls = self._calls[choice]
        if call.index in calls:
            return {"index": calls[call.index], "function": {"arguments": call.arguments}}
        number = calls[call.index] = len(calls)
        return {
            "index": number,
            "id": self._stamp.tool_call_id(choice, number),
            "type": "function",
            "function": {"name": call.name or "", "arguments": call.arguments},
        }

    def _text(self, choice: int, chunk: ChatChunk) -> bytes:
        if self._has_logprobs:
            return self._event(choice, {"content": chunk.text}, logprobs=_logprobs(chunk.logprobs, True))
        return self._text_heads[choice] + _encode(chunk.text) + self._text_tail

    def _event(
        self, choice: int, delta: dict[str, Any], *, finish_reason: str | None = None, logprobs: Any = None
    ) -> bytes:
        entry = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return b'data: %b,"choices":[%b]%b' % (self._head, _encode(entry), self._tail)


def _message(result: ChatResult, stamp: Stamp, choice: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": result.text, "refusal": None}
    if result.tool_calls:
        message["content"] = result.text or None
        message["tool_calls"] = [
            _tool_call(call, stamp.tool_call_id(choice, index))
            for index, call in enumerate(result.tool_calls)
        ]
    return message


def _tool_call(call: ToolCall, call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _logprobs(logprobs: Sequence[TokenLogprob], is_wanted: bool) -> dict[str, Any] | None:
    if not is_wanted:
        return None
    content = [
        {**token_object(each.chosen), "top_logprobs": [token_object(top) for top in each.top]}
        for each in logprobs
    ]
    return {"content": content, "refusal": None}


def token_object(token: LikelyToken) -> dict[str, Any]:
    utf8 = token.token.encode(errors="replace") if token.utf8 is None else token.utf8
    return {"token": token.token, "logprob": token.logprob, "bytes": list(utf8)}
