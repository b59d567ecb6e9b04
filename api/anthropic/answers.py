"""Answers of POST /v1/messages: https://docs.anthropic.com/en/api/messages

Reasoning is left out: a `thinking` block carries a signature that only its maker can give.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from llmbackends.types import ChatResult, FinishReason, TokenUsage

from ..frontdoor.dialect import Stamp

STOP_REASONS: Final = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
}
"""`stop_sequence` is not among them: no backend tells which stop it met, so that is `end_turn`."""

_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def answer(result: ChatResult, usage: TokenUsage, stamp: Stamp) -> bytes:
    return msgspec.json.encode(
        message_object(
            stamp,
            content=list(_blocks(result, stamp)),
            stop_reason=STOP_REASONS[result.finish_reason],
            usage=usage,
        )
    )


def message_object(
    stamp: Stamp, *, content: list[dict[str, Any]], stop_reason: str | None, usage: TokenUsage
) -> dict[str, Any]:
    return {
        "id": f"msg_{stamp.id}",
        "type": "message",
        "role": "assistant",
        "model": stamp.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage_object(usage),
    }


def usage_object(usage: TokenUsage) -> dict[str, int]:
    """`input_tokens` is without those of the cache in this language; we count all of them as read afresh."""
    return {
        "input_tokens": usage.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": usage.completion_tokens,
    }


def tool_use_block(stamp: Stamp, index: int, name: str, arguments: msgspec.Raw) -> dict[str, Any]:
    """`index` counts the tool calls of the answer."""
    call_id = stamp.tool_call_id(0, index).replace("call_", "toolu_", 1)
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def input_of(arguments: str) -> msgspec.Raw:
    """The arguments as the JSON object that the language asks for, digit for digit.

    What a model wrote need not be one. It is wrapped then, under the name that the text also has when the
    conversation goes on (llmbackends.wire.encoding), so that neither the client nor the model loses it.
    """
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    if is_object(arguments):
        return msgspec.Raw(arguments.encode())
    return msgspec.Raw(msgspec.json.encode({"invalid_json": arguments}))


def is_object(text: str) -> bool:
    try:
        _object_decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _blocks(result: ChatResult, stamp: Stamp) -> Iterator[dict[str, Any]]:
    if result.text:
        yield {"type": "text", "text": result.text}
    for index, call in enumerate(result.tool_calls):
        yield tool_use_block(stamp, index, call.name, input_of(call.arguments))
