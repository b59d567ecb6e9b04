"""One request to the model, from its body to its answer: plain, streamed or embedded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from django.conf import settings

from epochs.current import Epochs
from generation.answering import completions
from generation.answering.metering import Meter
from llmbackends.types import ChatChunk
from usage.entries import Outcome

from ..openai import embeddings
from ..openai.models import require_alias
from .dialect import Ask, Dialect, Stamp, StreamWriter
from .exchange import ClientGone, Exchange
from .failures import refusal_of
from .ids import new_id
from .supervision import Heartbeat, OpenRequests, Supervised

HEARTBEAT_S = 15.0


async def answer_chat(
    dialect: Dialect, exchange: Exchange, body: bytes, epochs: Epochs, meter: Meter, under_way: OpenRequests
) -> None:
    """Raises what goes wrong before the answer has begun; what goes wrong later is told in the stream."""
    ask = dialect.read(body)
    require_alias(ask.model)
    meter.asked(ask.requests, is_streamed=ask.stream)
    if ask.stream:
        await _stream(dialect, ask, exchange, epochs, meter, under_way)
        return
    async with Supervised(exchange, under_way), completions.begin(epochs) as completion:
        meter.answered_by(completion)
        results = await completion.complete(ask.requests)
        for result in results:
            meter.add_result(result)
    answer = dialect.answer(ask, results, meter.usage, _stamp())
    meter.end(Outcome.COMPLETED)
    await exchange.answer(200, answer)


async def answer_embeddings(
    exchange: Exchange, body: bytes, epochs: Epochs, meter: Meter, under_way: OpenRequests
) -> None:
    """As answer_chat."""
    ask = embeddings.read(body)
    require_alias(ask.model)
    meter.asked((ask.request,))
    async with Supervised(exchange, under_way), completions.begin(epochs) as completion:
        meter.answered_by(completion)
        result = await completion.embed(ask.request)
        meter.add_embeddings(result)
    answer = embeddings.answer(ask, result, meter.usage, _stamp())
    meter.end(Outcome.COMPLETED)
    await exchange.answer(200, answer)


async def _stream(
    dialect: Dialect, ask: Ask, exchange: Exchange, epochs: Epochs, meter: Meter, under_way: OpenRequests
) -> None:
    writer = dialect.stream(ask, _stamp())
    events = _Events(exchange)
    try:
        async with Supervised(exchange, under_way) as request, completions.begin(epochs) as completion:
            meter.answered_by(completion)
            async with completion.stream_all(ask.requests) as chunks:
                await events.start(writer.opening(), request)
                await _send_chunks(chunks, writer, events, meter)
        last = writer.closing(meter.usage)
        meter.end(Outcome.COMPLETED)
    except ClientGone:
        raise
    except Exception as error:
        if not exchange.has_started:
            raise
        public = refusal_of(error).public
        meter.fail(public)
        last = writer.failure(public)
    finally:
        events.stop()
    await events.end(last)


async def _send_chunks(
    chunks: AsyncIterator[tuple[int, ChatChunk]], writer: StreamWriter, events: _Events, meter: Meter
) -> None:
    async for choice, chunk in chunks:
        meter.add_chunk(chunk)
        if data := writer.chunk(choice, chunk):
            await events.send(data)


class _Events:
    """The events of one answer on their way: begun once the first chunk is there, kept alive, and ended."""

    __slots__ = ("_exchange", "_heartbeat", "_unsent")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._heartbeat: Heartbeat | None = None
        self._unsent = b""

    async def start(self, opening: bytes, request: Supervised) -> None:
        """The opening goes out with what comes next, which is there already."""
        await self._exchange.start_stream()
        self._heartbeat = Heartbeat(self._exchange, request, HEARTBEAT_S)
        self._unsent = opening

    async def send(self, data: bytes) -> None:
        if self._unsent:
            data, self._unsent = self._unsent + data, b""
        await self._exchange.piece(data)
        if self._heartbeat is not None:
            self._heartbeat.sent()

    async def end(self, data: bytes) -> None:
        await self._exchange.end_stream(self._unsent + data)

    def stop(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()


def _stamp() -> Stamp:
    return Stamp(new_id(), int(time.time()), settings.API_MODEL_ALIAS)
