"""One answer in the playground, from the question to the usage record.

A task of its own talks to the model: the view waits for the first piece, and so can give an early error its
status, and the response takes over from there. Whoever leaves stops the task, which closes the connection to
the model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from apikeys import limits
from apikeys.errors import RateLimited
from background.draining import cancel_and_wait
from background.threads import give_thread_back, release_connections
from generation.answering import completions
from generation.answering.completions import Completion
from generation.answering.generating import Generating, SecondTry
from generation.answering.metering import Meter
from generation.failures import API_ERRORS, PublicError, public_error
from generation.following.attended import Moment, attended
from generators.asking import Given
from generators.definition import Definition
from llmbackends.errors import BackendError
from llmbackends.types import FinishReason
from llmconfigs import wording
from llmconfigs.selection import ActiveSpec
from usage.entries import Outcome

from ..event_stream import HEARTBEAT, HEARTBEAT_S, event
from ..sentences import sentence

log = structlog.get_logger(__name__)

ROUTE = "playground"
_AHEAD = 64
"""Pieces that may wait for the browser."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, in which request. `sees_causes`: is told the cause of a failure, which names providers.
    `route`: what the usage record calls the page."""

    user_id: int | None
    name: str
    request_id: str
    sees_causes: bool = False
    route: str = ROUTE

    def meter(self) -> Meter:
        user = (self.user_id, self.name)
        return Meter(key_id=None, request_id=self.request_id, route=self.route, user=user)


@dataclass(frozen=True, slots=True)
class Piece:
    text: str


@dataclass(frozen=True, slots=True)
class Again:
    """The pieces so far are void: they did not have the form that the generator promises."""


@dataclass(frozen=True, slots=True)
class Ended:
    """`note`: why the answer is not whole, if it is not."""

    tokens: int
    is_estimated: bool
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """`cause` is "" for who may not see it."""

    status: int
    message: str
    cause: str = ""


Item = Piece | Again | Ended | Failed
"""An answer is pieces, perhaps begun again, and once how it ended."""


class Answer:
    """Begins at once, on the running event loop. Iterate over it to the end, or `stop` it."""

    def __init__(
        self,
        definition: Definition,
        given: Given,
        asker: Asker,
        *,
        chosen: ActiveSpec | None = None,
        is_streamed: bool = True,
    ) -> None:
        self._generating = Generating(definition, given)
        self._asker = asker
        self._chosen = chosen
        self._meter = asker.meter()
        self._meter.asked(self._generating.requests, is_streamed=is_streamed)
        self._restarting = Failed(503, _("The server is about to restart. Try again in a moment."))
        self._row: asyncio.Queue[Item] = asyncio.Queue(_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._work())
        self._coming = self._read()

    async def first(self) -> Item:
        """Waits for it, and leaves it in its place. Stops the answer if that is a failure, or if the wait is
        cancelled."""
        try:
            await release_connections()  # the model may take a minute, and the pool is small
            self._first = await self._next()
        except BaseException:
            await self.stop()
            raise
        if isinstance(self._first, Failed):
            await self.stop()
        return self._first

    async def items(self) -> AsyncGenerator[Item | None, None]:
        """All items, after `first`; None whenever nothing has come for a while."""
        try:
            yield self._first
            async for item in self._coming:
                yield item
        finally:
            await self.stop()

    async def stop(self) -> None:
        """When it returns, the connection to the model is closed."""
        await self._coming.aclose()
        await cancel_and_wait(self._task)

    def stop_soon(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is closed, and the task with it
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _next(self) -> Item:
        async for item in self._coming:
            if item is not None:
                return item
        raise RuntimeError("An answer has an end.")

    async def _read(self) -> AsyncGenerator[Item | None, None]:
        """When the process drains, the answer has settings.API_DRAIN_S left."""
        moments = attended(self._in_row(), silence_s=HEARTBEAT_S, grace_s=settings.API_DRAIN_S)
        async with aclosing(moments):
            async for item in moments:
                if item is Moment.SILENCE:
                    yield None
                elif item is Moment.DRAINING:
                    yield self._restarting
                else:
                    yield item

    async def _in_row(self) -> AsyncGenerator[Item, None]:
        while True:
            item = await self._row.get()
            yield item
            if isinstance(item, Ended | Failed):
                return

    async def _work(self) -> None:
        try:
            await self._row.put(await self._generate())
        except asyncio.CancelledError:
            self._meter.end(Outcome.CANCELLED)
            raise
        except Exception as error:
            await self._row.put(self._failed(error))

    async def _generate(self) -> Ended:
        began_at = time.monotonic()
        async with await limits.admit_as(f"user {self._asker.user_id}"), self._begin() as completion:
            self._meter.answered_by(completion)
            async with aclosing(self._generating.pieces(completion)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, SecondTry):
                        await self._row.put(self._again(piece))
                        continue
                    self._meter.add_chunk(piece)
                    if piece.text:
                        await self._row.put(Piece(piece.text))
        self._meter.end(Outcome.COMPLETED)
        return self._ended(time.monotonic() - began_at)

    def _again(self, second: SecondTry) -> Again:
        return Again()

    def _ended(self, seconds: float) -> Ended:
        meter = self._meter
        return Ended(meter.usage.completion_tokens, meter.is_estimated, seconds, self._note())

    def _note(self) -> str:
        generated = self._generating.generated()
        if generated.finish_reason == FinishReason.LENGTH:
            return _("The answer was cut: it is as long as is allowed.")
        return sentence("output_invalid") if generated.misfit else ""

    def _begin(self) -> AbstractAsyncContextManager[Completion]:
        return completions.begin_with(self._chosen) if self._chosen else completions.begin()

    def _failed(self, error: Exception) -> Failed:
        public = _public(error)
        self._meter.fail(public)
        cause = wording.explain(error) if isinstance(error, BackendError) and self._asker.sees_causes else ""
        return Failed(public.status, sentence(public.code), cause)


class Events:
    """The answer as server-sent events. `close` is what Django calls when it has done with a response."""

    def __init__(self, answer: Answer, *, as_event: Callable[[Item], bytes] | None = None) -> None:
        self._answer = answer
        self._as_event = as_event or event_of

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await give_thread_back()
        async with aclosing(self._answer.items()) as items:
            async for item in items:
                yield HEARTBEAT if item is None else self._as_event(item)

    def close(self) -> None:
        self._answer.stop_soon()


def event_of(item: Item) -> bytes:
    match item:
        case Piece(text):
            return event("text", {"text": text})
        case Again():
            return event("again", {})
        case Ended(tokens, is_estimated, seconds, note):
            return event("end", {"about": describe(tokens, is_estimated, seconds), "note": note})
        case Failed(_, message, cause):
            return event("error", {"message": message, "cause": cause})


def describe(tokens: int, is_estimated: bool, seconds: float) -> str:
    """Such as "35 tokens · 2.1 s"."""
    counted, estimated = (
        _("%(tokens)d tokens · %(seconds).1f s"),
        _("about %(tokens)d tokens · %(seconds).1f s"),
    )
    template = estimated if is_estimated else counted
    return template % {"tokens": tokens, "seconds": seconds}


def _public(error: Exception) -> PublicError:
    if isinstance(error, BackendError):
        public = public_error(error)
        log.warning("playground_answer_failed", code=public.code, because=f"{type(error).__name__}: {error}")
        return public
    if isinstance(error, RateLimited):
        return API_ERRORS["rate_limit_exceeded"]
    log.exception("playground_answer_crashed", exc_info=error)
    return API_ERRORS["internal_error"]
