"""POST /v1/completions: a bare prompt, as editor plugins send it.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.json import Decoder

from generation.failures import PublicError
from llmbackends.types import ChatChunk, ChatRequest, ChatResult, Sampling, TokenLogprob, TokenUsage

from ..errors import ApiError
from ..frontdoor.bodies import decode
from ..frontdoor.dialect import Ask, Dialect, Stamp, StreamWriter
from . import schema
from .chat_answers import DONE, usage_object
from .chat_requests import several
from .errors import openai_error

MAX_PROMPTS = 16
_encode = msgspec.json.encode


class CompletionBody(Struct):
    model: schema.Name
    prompt: schema.NotEmpty | Annotated[list[schema.NotEmpty], Meta(min_length=1, max_length=MAX_PROMPTS)]
    suffix: str | None = None
    stream: bool | None = None
    stream_options: schema.StreamOptions | None = None
    n: schema.Choices | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    temperature: schema.Number0To2 | None = None
    top_p: schema.Number0To1 | None = None
    presence_penalty: schema.Penalty | None = None
    frequency_penalty: schema.Penalty | None = None
    seed: int | None = None
    max_tokens: schema.Positive | None = None
    stop: str | list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Details:
    includes_usage: bool
    echoes: bool


_decoder = Decoder(CompletionBody)


class CompletionDialect:
    name = "completions"

    def read(self, body: bytes) -> Ask:
        asked = decode(_decoder, body)
        if asked.suffix:
            raise ApiError(
                "invalid_request",
                "A suffix cannot be used here. Write the marks for text to be filled in into the prompt.",
                param="suffix",
            )
        prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
        requests = tuple(
            request for prompt in prompts for request in several(_request(prompt, asked), asked.n or 1)
        )
        if len(requests) > MAX_PROMPTS:
            raise ApiError(
                "invalid_request", f"Ask for {MAX_PROMPTS} choices at most, prompts times n.", param="n"
            )
        usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return Ask(asked.model, requests, bool(asked.stream), _Details(usage, bool(asked.echo)))

    def answer(self, ask: Ask, results: Sequence[ChatResult], usage: TokenUsage, stamp: Stamp) -> bytes:
        pairs = zip(_echoed(ask), results, strict=True)
        has_logprobs = ask.requests[0].top_logprobs is not None
        choices = [
            {
                "index": index,
                "text": prompt + result.text,
                "logprobs": _logprobs(result.logprobs, offset=len(prompt)) if has_logprobs else None,
                "finish_reason": result.finish_reason,
            }
            for index, (prompt, result) in enumerate(pairs)
        ]
        return _encode({**_head(stamp), "choices": choices, "usage": usage_object(usage)})

    def stream(self, ask: Ask, stamp: Stamp) -> StreamWriter:
        return _Writer(ask, stamp)


class _Writer:
    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        self._ask = ask
        self._head = _encode(_head(stamp)).removesuffix(b"}")
        self._tail = (b',"usage":null' if ask.details.includes_usage else b"") + b"}\n\n"
        self._lengths = [len(prompt) for prompt in _echoed(ask)]

    def opening(self) -> bytes:
        if not self._ask.details.echoes:
            return b""
        return b"".join(self._event(choice, prompt) for choice, prompt in enumerate(_echoed(self._ask)))

    def chunk(self, choice: int, chunk: ChatChunk) -> bytes:
        if not chunk.text and not chunk.logprobs and chunk.finish_reason is None:
            return b""
        logprobs = None
        if chunk.logprobs:
            logprobs = _logprobs(chunk.logprobs, offset=self._lengths[choice])
        self._lengths[choice] += len(chunk.text)
        return self._event(choice, chunk.text, logprobs, chunk.finish_reason)

    def closing(self, usage: TokenUsage) -> bytes:
        if not self._ask.details.includes_usage:
            return DONE
        return b'data: %b,"choices":[],"usage":%b}\n\n%b' % (self._head, _encode(usage_object(usage)), DONE)

    def failure(self, error: PublicError) -> bytes:
        return b"data: %b\n\n" % openai_error(error)

    def _event(self, choice: int, text: str, logprobs: Any = None, finish_reason: str | None = None) -> bytes:
        entry = {"index": choice, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}
        return b'data: %b,"choices":[%b]%b' % (self._head, _encode(entry), self._tail)


def _request(prompt: str, asked: CompletionBody) -> ChatRequest:
    return ChatRequest(
        prompt=prompt,
        top_logprobs=asked.logprobs,
        sampling=Sampling(
            temperature=asked.temperature,
            top_p=asked.top_p,
            presence_penalty=asked.presence_penalty,
            frequency_penalty=asked.frequency_penalty,
            seed=asked.seed,
            max_tokens=asked.max_tokens,
            stop=schema.stops_of(asked.stop),
        ),
    )


def _head(stamp: Stamp) -> dict[str, Any]:
    return {
        "id": f"cmpl-{stamp.id}",
        "object": "text_completion",
        "created": stamp.created,
        "model": stamp.model,
    }


def _echoed(ask: Ask) -> list[str]:
    """What each choice repeats of its prompt, before its answer."""
    return [(request.prompt or "") if ask.details.echoes else "" for request in ask.requests]


def _logprobs(logprobs: Sequence[TokenLogprob], *, offset: int) -> dict[str, list[Any]]:
    """In the form of this older route: lists side by side, offsets in characters of the choice's text."""
    offsets = []
    for each in logprobs:
        offsets.append(offset)
        offset += len(each.chosen.token)
    return {
        "tokens": [each.chosen.token for each in logprobs],
        "token_logprobs": [each.chosen.logprob for each in logprobs],
        "top_logprobs": [{top.token: top.logprob for top in each.top} for each in logprobs],
        "text_offset": offsets,
    }


COMPLETIONS: Dialect = CompletionDialect()
