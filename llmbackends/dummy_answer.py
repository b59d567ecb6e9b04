"""What the dummy answers: a pure function of the request. A token is a word."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .dummy_numbers import token_logprob
from .errors import UnsupportedFeature
from .json_example import NoExample, Schema, example_of
from .texts import Sentence, gettext_noop
from .types import (
    ChatChunk,
    ChatRequest,
    FinishReason,
    ImagePart,
    TokenLogprob,
    TokenUsage,
    Tool,
    ToolCallDelta,
)

_TOKEN = re.compile(r"\s*\S+|\s+\Z")
_OF_TOOL = gettext_noop("the parameters of the tool %(tool)r")
_RESPONSE_FORMAT = Sentence(gettext_noop("the response format"))
_REPEATED = 200
"""Characters of the last user message in an answer."""


@dataclass(frozen=True, slots=True)
class DummyAnswer:
    """`tokens` are text, or the arguments of the tool call that `call` begins."""

    tokens: tuple[str, ...]
    finish_reason: FinishReason
    usage: TokenUsage
    call: ToolCallDelta | None = None
    top_logprobs: int | None = None

    def token_chunks(self) -> Iterator[ChatChunk]:
        for index, token in enumerate(self.tokens):
            if self.call is None:
                yield ChatChunk(text=token, logprobs=self._logprobs(token, index))
            elif index == 0:
                yield ChatChunk(tool_calls=(ToolCallDelta(0, self.call.id, self.call.name, token),))
            else:
                yield ChatChunk(tool_calls=(ToolCallDelta(0, arguments=token),))

    def _logprobs(self, token: str, index: int) -> tuple[TokenLogprob, ...]:
        return () if self.top_logprobs is None else (token_logprob(token, index, self.top_logprobs),)

    def last_chunk(self) -> ChatChunk:
        return ChatChunk(finish_reason=self.finish_reason, usage=self.usage)


def answer_to(request: ChatRequest, *, text: str | None) -> DummyAnswer:
    """`text`: what to say where the request wants no JSON; None: something that repeats the request.

    Raises UnsupportedFeature for a schema that no value is found for.
    """
    if (tool := _tool_to_call(request)) is not None:
        call = ToolCallDelta(0, f"call_{_digest(request)}", tool.name)
        arguments = _example_json(tool.parameters, Sentence(_OF_TOOL, tool=tool.name))
        return _limited(arguments, request, FinishReason.TOOL_CALLS, call)
    return _limited(_until_stop(_text(request, text), request), request, FinishReason.STOP)


def _limited(
    text: str, request: ChatRequest, finish_reason: FinishReason, call: ToolCallDelta | None = None
) -> DummyAnswer:
    tokens = tuple(_TOKEN.findall(text))
    limit = request.sampling.max_tokens
    if limit is not None and len(tokens) > limit:
        tokens, finish_reason = tokens[:limit], FinishReason.LENGTH
    usage = TokenUsage(prompt_tokens(message.text for message in request.as_messages), len(tokens))
    return DummyAnswer(tokens, finish_reason, usage, call, request.top_logprobs)


def prompt_tokens(texts: Iterable[str]) -> int:
    return sum(max(1, len(_TOKEN.findall(text))) for text in texts)


def _tool_to_call(request: ChatRequest) -> Tool | None:
    choice = request.tool_choice
    if choice is None or choice.mode not in ("required", "named"):
        return None
    return next((tool for tool in request.tools if choice.name in (None, tool.name)), None)


def _text(request: ChatRequest, text: str | None) -> str:
    wanted = request.response_format
    if wanted is not None and wanted.kind == "json_schema":
        return _example_json(wanted.schema or {}, _RESPONSE_FORMAT)
    if text is None:
        text = f"Answer {_digest(request)} to: {_last_user_text(request)[:_REPEATED]}"
    if wanted is not None and wanted.kind == "json_object":
        return _as_json({"answer": text})
    return text


def _last_user_text(request: ChatRequest) -> str:
    texts = (message.text for message in reversed(request.as_messages) if message.role == "user")
    return next(texts, "")


def _until_stop(text: str, request: ChatRequest) -> str:
    ends = [text.find(stop) for stop in request.sampling.stop or ()]
    return text[: min((end for end in ends if end >= 0), default=len(text))]


def _example_json(schema: Schema, whose: Sentence) -> str:
    try:
        return _as_json(example_of(schema))
    except NoExample as error:
        raise UnsupportedFeature(
            Sentence(
                gettext_noop("The dummy finds no JSON value for %(whose)s: %(error)s."),
                whose=whose,
                error=error.args[0],
            )
        ) from error


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _digest(request: ChatRequest) -> str:
    """Eight digits that tell two requests apart. Images are not in a request's repr."""
    images = [
        part.data for message in request.messages for part in message.parts if isinstance(part, ImagePart)
    ]
    return hashlib.sha256(repr((request, images)).encode()).hexdigest()[:8]
