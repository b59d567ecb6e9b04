"""What a service answers in Ollama's language: whole or streamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import BadAnswer, StreamCut
from ..texts import Sentence, gettext_noop
from ..types import (
    ChatChunk,
    ChatResult,
    EmbeddingRequest,
    EmbeddingResult,
    FinishReason,
    TokenLogprob,
    TokenUsage,
    ToolCall,
    ToolCallDelta,
)
from .embeddings import embedding_result
from .logprobs import token_logprobs
from .payload import (
    arguments_of,
    as_list,
    as_object,
    as_text,
    count_at,
    finish_reason_of,
    list_at,
    new_call_id,
    object_at,
    parse_json,
    text_at,
    usage_of,
)
from .reported import raise_reported

_FINISH_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
_CONTENT_OF_ROUTE = {"chat": "message", "prompt": "response"}
_NOTHING_GENERATED = ("load", "unload")


def decode(payload: Any, *, route: str) -> ChatResult:
    body = as_object(payload, "body")
    raise_reported(body)
    if body.get("done") is not True:
        raise BadAnswer(Sentence(gettext_noop("The provider's answer is not marked as done.")))
    if route != "prompt":
        as_object(body.get("message"), "message")
    text, reasoning, calls = _content(body, route)
    return ChatResult(
        text=text,
        finish_reason=_finish_reason(body, has_text=bool(text), has_calls=bool(calls)),
        tool_calls=calls,
        usage=_usage(body),
        reasoning=reasoning,
        logprobs=_logprobs(body),
    )


def decode_embeddings(payload: Any, request: EmbeddingRequest) -> EmbeddingResult:
    body = as_object(payload, "body")
    raise_reported(body)
    vectors = as_list(body.get("embeddings"), "embeddings")
    return embedding_result(request, vectors, prompt_tokens=count_at(body, "prompt_eval_count"))


def _content(body: Mapping[str, Any], route: str) -> tuple[str, str, tuple[ToolCall, ...]]:
    """Text, reasoning and tool calls."""
    if route == "prompt":
        return text_at(body, "response"), text_at(body, "thinking"), ()
    message = object_at(body, "message")
    calls = tuple(_tool_call(call) for call in list_at(message, "tool_calls"))
    return text_at(message, "content"), text_at(message, "thinking"), calls


def _logprobs(body: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    """Servers before 0.12.11 tell none."""
    return token_logprobs(list_at(body, "logprobs"))


def _tool_call(value: Any) -> ToolCall:
    call = as_object(value, "tool call")
    function = as_object(call.get("function"), "function")
    return ToolCall(
        id=text_at(call, "id") or new_call_id(),  # only newer servers send one
        name=as_text(function.get("name"), "function name"),
        arguments=arguments_of(function.get("arguments")) or "{}",
    )


def _finish_reason(body: Mapping[str, Any], *, has_text: bool, has_calls: bool) -> FinishReason:
    """An empty prompt only loads the model, or unloads it, and is answered as done."""
    word = body.get("done_reason")
    if word in _NOTHING_GENERATED:
        raise BadAnswer(
            Sentence(gettext_noop("The provider generated nothing: done_reason is %(word)r."), word=word)
        )
    return finish_reason_of(word, _FINISH_REASONS, has_text=has_text, has_calls=has_calls)


def _usage(body: Mapping[str, Any]) -> TokenUsage | None:
    """A count of zero is left out of the answer. A prompt has tokens, so without its count it is unknown
    (older servers leave it out when the prompt was cached)."""
    return usage_of(count_at(body, "prompt_eval_count"), count_at(body, "eval_count") or 0)


class OllamaStreamDecoder:
    """Lines of the plain answer's form; the last has `done: true`. A line brings tool calls whole."""

    def __init__(self, route: str) -> None:
        self.ended = False
        self._route = route
        self._has_text = False
        self._call_count = 0

    def feed(self, event: str, data: str) -> Iterable[ChatChunk]:
        if self.ended:
            return ()
        body = as_object(parse_json(data), "line")
        raise_reported(body)
        if body.get("done") is not True and _CONTENT_OF_ROUTE[self._route] not in body:
            raise BadAnswer(
                Sentence(
                    gettext_noop("A line of the provider's stream has no %(route)r."),
                    route=_CONTENT_OF_ROUTE[self._route],
                )
            )
        text, reasoning, calls = _content(body, self._route)
        self._has_text = self._has_text or bool(text)
        deltas = tuple(self._delta(call) for call in calls)
        chunk = ChatChunk(text, deltas, reasoning=reasoning, logprobs=_logprobs(body))
        if body.get("done") is True:
            return (self._last(body, chunk),)
        return (chunk,) if text or deltas or reasoning or chunk.logprobs else ()

    def close(self) -> Iterable[ChatChunk]:
        if not self.ended:
            raise StreamCut(
                Sentence(
                    gettext_noop(
                        "The provider's stream ended without its last line, the one with done: true."
                    )
                )
            )
        return ()

    def _delta(self, call: ToolCall) -> ToolCallDelta:
        self._call_count += 1
        return ToolCallDelta(self._call_count - 1, call.id, call.name, call.arguments)

    def _last(self, body: Mapping[str, Any], chunk: ChatChunk) -> ChatChunk:
        self.ended = True
        reason = _finish_reason(body, has_text=self._has_text, has_calls=bool(self._call_count))
        return replace(chunk, finish_reason=reason, usage=_usage(body))
