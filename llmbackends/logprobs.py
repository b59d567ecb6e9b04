"""Keeps the likely tokens to the number that was asked for: some services cannot tell none, or tell more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .types import ChatChunk, ChatResult, TokenLogprob
from .wire import StreamDecoder


def limited_result(result: ChatResult, top: int | None) -> ChatResult:
    """`top`: as in ChatRequest.top_logprobs."""
    return replace(result, logprobs=_limited(result.logprobs, top)) if result.logprobs else result


def limited_decoder(decoder: StreamDecoder, top: int | None) -> StreamDecoder:
    return decoder if top is None else _LimitedDecoder(decoder, top)


class _LimitedDecoder:
    """Implements StreamDecoder."""

    def __init__(self, decoder: StreamDecoder, top: int) -> None:
        self.ended = False
        self._decoder = decoder
        self._top = top

    def feed(self, event: str, data: str) -> Iterable[ChatChunk]:
        return self._limit(self._decoder.feed(event, data))

    def close(self) -> Iterable[ChatChunk]:
        return self._limit(self._decoder.close())

    def _limit(self, chunks: Iterable[ChatChunk]) -> Iterable[ChatChunk]:
        for chunk in chunks:
            yield replace(chunk, logprobs=_limited(chunk.logprobs, self._top)) if chunk.logprobs else chunk
        self.ended = self._decoder.ended


def _limited(logprobs: tuple[TokenLogprob, ...], top: int | None) -> tuple[TokenLogprob, ...]:
    return () if top is None else tuple(TokenLogprob(each.chosen, each.top[:top]) for each in logprobs)
