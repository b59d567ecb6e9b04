"""What a service answers in the OpenAI language: whole or streamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import BackendFailed, BadAnswer, StreamCut
from ..mapping import error_from_answer
from ..texts import Sentence, gettext_noop
from ..types import (
    ChatChunk,
    ChatResult,
    EmbeddingRequest,
    EmbeddingResult,
    FinishReason,
    TokenUsage,
    ToolCall,
    ToolCallDelta,
)
from . import WireError
from .embeddings import embedding_result
from .logprobs import choice_logprobs
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

END = "[DONE]"

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_REFUSED = "content_filter"
_BROKEN_OFF = ("error", "abort")


def decode(payload: Any, *, route: str) -> ChatResult:
    body = as_object(payload, "body")
    raise_reported(body)
    choices = as_list(body.get("choices"), "choices")
    if not choices:
        raise BadAnswer(Sentence(gettext_noop("The provider's answer has no choices.")))
    choice = _checked_choice(choices[0])
    if route == "prompt":
        message = {"content": as_text(choice.get("text"), "text")}
    else:
        message = as_object(choice.get("message"), "message")
    return _result(message, choice, usage=_usage(body))


def _result(message: Mapping[str, Any], choice: Mapping[str, Any], *, usage: TokenUsage | None) -> ChatResult:
    refusal = text_at(message, "refusal")
    text = text_at(message, "content") + refusal
    calls = tuple(_tool_call(call) for call in list_at(message, "tool_calls"))
    word = _REFUSED if refusal else choice.get("finish_reason")
    return ChatResult(
        text=text,
        finish_reason=finish_reason_of(word, _FINISH_REASONS, has_text=bool(text), has_calls=bool(calls)),
        tool_calls=calls,
        usage=usage,
        reasoning=_reasoning(message),
        logprobs=choice_logprobs(choice),
    )


def _tool_call(value: Any) -> ToolCall:
    call = as_object(value, "tool call")
    function = as_object(call.get("function"), "function")
    return ToolCall(
        id=text_at(call, "id") or new_call_id(),
        name=as_text(function.get("name"), "function name"),
        arguments=arguments_of(function.get("arguments")) or "{}",
    )


def _checked_choice(value: Any) -> dict[str, Any]:
    """Raises what the choice itself reports: OpenRouter says there that its upstream failed."""
    choice = as_object(value, "choice")
    raise_reported(choice)
    if choice.get("finish_reason") in _BROKEN_OFF:
        raise BackendFailed(Sentence(gettext_noop("The provider broke off its answer.")), processed=True)
    return choice


def _reasoning(message: Mapping[str, Any]) -> str:
    return text_at(message, "reasoning_content") or text_at(message, "reasoning")


def _usage(payload: Mapping[str, Any]) -> TokenUsage | None:
    """Groq's streams once had it under `x_groq` only."""
    usage = object_at(payload, "usage") or object_at(object_at(payload, "x_groq"), "usage")
    return usage_of(count_at(usage, "prompt_tokens"), count_at(usage, "completion_tokens"))


def decode_embeddings(payload: Any, request: EmbeddingRequest) -> EmbeddingResult:
    body = as_object(payload, "body")
    raise_reported(body)
    rows = [as_object(row, "embedding") for row in as_list(body.get("data"), "data")]
    by_index = {_index(row, position): row.get("embedding") for position, row in enumerate(rows)}
    if by_index.keys() != set(range(len(rows))):
        raise BadAnswer(
            Sentence(gettext_noop("The indexes of the provider's embeddings are not those of the texts."))
        )
    vectors = [by_index[index] for index in range(len(rows))]
    prompt_tokens = count_at(object_at(body, "usage"), "prompt_tokens")
    return embedding_result(request, vectors, prompt_tokens=prompt_tokens)


def _index(row: Mapping[str, Any], position: int) -> int:
    index = count_at(row, "index")
    return position if index is None else index


class OpenAIStreamDecoder:
    """Holds the finish back until `[DONE]`: usage comes in a chunk of its own after the finish reason.

    A stream with `[DONE]` but without any finish reason is taken as finished only if it brought text or
    tool calls: some services send null throughout. One without `[DONE]` is cut, whatever it brought.
    """

    def __init__(self, route: str) -> None:
        self.ended = False
        self._route = route
        self._word: Any = None
        self._usage: TokenUsage | None = None
        self._has_text = False
        self._refused = False
        self._calls = _ToolCallDeltas()

    def feed(self, event: str, data: str) -> Iterable[ChatChunk]:
        data = data.strip()
        if self.ended or not data:  # some proxies send empty data to keep the connection open
            return ()
        if data == END:
            return self._finish()
        payload = as_object(parse_json(data), "event")
        raise_reported(payload)
        if event == "error":
            raise error_from_answer(status=None, error=WireError(data), retry_after_s=None)
        if payload.get("usage") is not None or "x_groq" in payload:
            self._usage = _usage(payload) or self._usage
        choices = list_at(payload, "choices")
        return self._read(_checked_choice(choices[0])) if choices else ()

    def close(self) -> Iterable[ChatChunk]:
        if not self.ended:
            raise StreamCut(
                Sentence(
                    gettext_noop("The provider's stream ended without its end marker %(value)s."), value=END
                )
            )
        return ()

    def _read(self, choice: Mapping[str, Any]) -> Iterable[ChatChunk]:
        self._word = choice.get("finish_reason") or self._word
        delta = choice if self._route == "prompt" else object_at(choice, "delta")
        refusal = text_at(delta, "refusal")
        self._refused = self._refused or bool(refusal)
        text = text_at(delta, "text" if self._route == "prompt" else "content") + refusal
        calls = self._calls.read(list_at(delta, "tool_calls"))
        reasoning = _reasoning(delta)
        self._has_text = self._has_text or bool(text)
        logprobs = choice_logprobs(choice)
        if text or calls or reasoning or logprobs:
            return (ChatChunk(text, calls, reasoning=reasoning, logprobs=logprobs),)
        return ()

    def _finish(self) -> Iterable[ChatChunk]:
        self.ended = True
        word = _REFUSED if self._refused else self._word
        reason = finish_reason_of(word, _FINISH_REASONS, has_text=self._has_text, has_calls=bool(self._calls))
        calls = self._calls.missing_arguments()
        return (ChatChunk(tool_calls=calls, finish_reason=reason, usage=self._usage),)


class _ToolCallDeltas:
    """Sees to it that each call has one index, an id, a name sent once, and arguments."""

    def __init__(self) -> None:
        self._has_arguments: dict[int, bool] = {}

    def __len__(self) -> int:
        return len(self._has_arguments)

    def read(self, pieces: list[Any]) -> tuple[ToolCallDelta, ...]:
        return tuple(self._delta(as_object(piece, "tool call")) for piece in pieces)

    def missing_arguments(self) -> tuple[ToolCallDelta, ...]:
        """For the calls that got none, because the function takes none: an empty text is not JSON."""
        return tuple(
            ToolCallDelta(index, arguments="{}") for index, has in self._has_arguments.items() if not has
        )

    def _delta(self, piece: Mapping[str, Any]) -> ToolCallDelta:
        index = self._index(piece)
        is_new = index not in self._has_arguments
        function = object_at(piece, "function")
        arguments = arguments_of(function.get("arguments"))
        self._has_arguments[index] = bool(arguments) or self._has_arguments.get(index, False)
        if not is_new:
            return ToolCallDelta(index, arguments=arguments)
        name = as_text(function.get("name"), "function name")
        return ToolCallDelta(index, text_at(piece, "id") or new_call_id(), name, arguments)

    def _index(self, piece: Mapping[str, Any]) -> int:
        """Where the service sends none: an id begins the next call, a piece without one goes on."""
        index = count_at(piece, "index")
        if index is not None:
            return index
        return len(self) if text_at(piece, "id") else max(len(self) - 1, 0)
