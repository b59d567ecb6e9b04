"""What a service answers in Anthropic's Messages language: whole or streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import StreamCut
from ..texts import Sentence, gettext_noop
from ..types import ChatChunk, ChatResult, FinishReason, TokenUsage, ToolCall, ToolCallDelta
from .payload import (
    arguments_of,
    as_list,
    as_object,
    as_text,
    count_at,
    finish_reason_of,
    new_call_id,
    object_at,
    parse_json,
    text_at,
    usage_of,
)
from .reported import raise_reported

_FINISH_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}


def decode(payload: Any) -> ChatResult:
    """Blocks of other kinds (results of the provider's own tools, redacted thinking) are left out."""
    body = as_object(payload, "body")
    raise_reported(body)
    blocks = [as_object(block, "content block") for block in as_list(body.get("content"), "content")]
    text = "".join(text_at(block, "text") for block in _of_type(blocks, "text"))
    calls = tuple(_tool_call(block) for block in _of_type(blocks, "tool_use"))
    return ChatResult(
        text=text,
        finish_reason=finish_reason_of(
            body.get("stop_reason"), _FINISH_REASONS, has_text=bool(text), has_calls=bool(calls)
        ),
        tool_calls=calls,
        usage=_usage(object_at(body, "usage")),
        reasoning="".join(text_at(block, "thinking") for block in _of_type(blocks, "thinking")),
    )


def _of_type(blocks: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [block for block in blocks if block.get("type") == kind]


def _tool_call(block: Mapping[str, Any]) -> ToolCall:
    return ToolCall(
        id=text_at(block, "id") or new_call_id(),
        name=as_text(block.get("name"), "tool name"),
        arguments=arguments_of(block.get("input")) or "{}",
    )


def _usage(usage: Mapping[str, Any]) -> TokenUsage | None:
    """`input_tokens` counts only what neither came from the cache nor went into it."""
    fresh = count_at(usage, "input_tokens")
    cached = ("cache_creation_input_tokens", "cache_read_input_tokens")
    prompt = None if fresh is None else fresh + sum(count_at(usage, name) or 0 for name in cached)
    return usage_of(prompt, count_at(usage, "output_tokens"))


class AnthropicStreamDecoder:
    """One message: its start, its content blocks one after the other, a delta with the end, its stop.

    A tool call begins with `input: {}` and its arguments follow in pieces. None follow if the function takes
    none: then the last chunk brings the `{}`. Events of other types (`ping`, and those to come) are read
    over, as the language asks.
    """

    def __init__(self) -> None:
        self.ended = False
        self._stop_reason: Any = None
        self._usage: dict[str, Any] = {}
        self._has_text = False
        # The tool calls in their order: index of the content block, and arguments that are not out yet.
        self._calls: dict[int, str] = {}
        self._readers: dict[str, Callable[[dict[str, Any]], Iterable[ChatChunk]]] = {
            "message_start": self._start_message,
            "content_block_start": self._start_block,
            "content_block_delta": self._add_delta,
            "message_delta": self._change_message,
            "message_stop": self._finish,
        }

    def feed(self, event: str, data: str) -> Iterable[ChatChunk]:
        if self.ended or not data.strip():
            return ()
        payload = as_object(parse_json(data), "event")
        raise_reported(payload)
        reader = self._readers.get(text_at(payload, "type"))
        return reader(payload) if reader else ()

    def close(self) -> Iterable[ChatChunk]:
        if not self.ended:
            raise StreamCut(
                Sentence(gettext_noop("The provider's stream ended without its end marker message_stop."))
            )
        return ()

    def _start_message(self, payload: dict[str, Any]) -> Iterable[ChatChunk]:
        self._count(object_at(object_at(payload, "message"), "usage"))
        return ()

    def _start_block(self, payload: dict[str, Any]) -> Iterable[ChatChunk]:
        block = object_at(payload, "content_block")
        if block.get("type") != "tool_use":
            return self._chunk(block)
        call = _tool_call(block)
        self._calls[_block_index(payload)] = call.arguments
        index = len(self._calls) - 1
        return (ChatChunk(tool_calls=(ToolCallDelta(index, call.id, call.name),)),)

    def _add_delta(self, payload: dict[str, Any]) -> Iterable[ChatChunk]:
        delta = object_at(payload, "delta")
        if arguments := text_at(delta, "partial_json"):
            return self._add_arguments(_block_index(payload), arguments)
        return self._chunk(delta)

    def _add_arguments(self, block_index: int, arguments: str) -> Iterable[ChatChunk]:
        if block_index not in self._calls:
            return ()  # of a tool that the provider runs itself
        self._calls[block_index] = ""
        call_index = list(self._calls).index(block_index)
        return (ChatChunk(tool_calls=(ToolCallDelta(call_index, arguments=arguments),)),)

    def _chunk(self, piece: Mapping[str, Any]) -> Iterable[ChatChunk]:
        text, reasoning = text_at(piece, "text"), text_at(piece, "thinking")
        self._has_text = self._has_text or bool(text)
        return (ChatChunk(text, reasoning=reasoning),) if text or reasoning else ()

    def _change_message(self, payload: dict[str, Any]) -> Iterable[ChatChunk]:
        self._stop_reason = object_at(payload, "delta").get("stop_reason") or self._stop_reason
        self._count(object_at(payload, "usage"))
        return ()

    def _finish(self, payload: dict[str, Any]) -> Iterable[ChatChunk]:
        self.ended = True
        reason = finish_reason_of(
            self._stop_reason, _FINISH_REASONS, has_text=self._has_text, has_calls=bool(self._calls)
        )
        unsent = tuple(
            ToolCallDelta(index, arguments=arguments)
            for index, arguments in enumerate(self._calls.values())
            if arguments
        )
        return (ChatChunk(tool_calls=unsent, finish_reason=reason, usage=_usage(self._usage)),)

    def _count(self, usage: Mapping[str, Any]) -> None:
        """The counts are running totals; a later event repeats only some of them."""
        self._usage |= {name: count for name, count in usage.items() if count is not None}


def _block_index(payload: Mapping[str, Any]) -> int:
    return count_at(payload, "index") or 0
