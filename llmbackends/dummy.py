"""A backend without a model, for trying everything around one: flows, load, pace and failures.

The same request gets the same answer and the same usage, in every process. Its options:

text          what it answers; otherwise it repeats the start of the last user message.
delay_s       before the first token.
tokens_per_s  the pace; otherwise everything comes at once.
fail          check: only the check fails. unavailable: the check and every answer do.
              rate_limited, timeout, bad_answer: every answer fails, after delay_s.
              cut: every answer breaks off half-way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import islice

from .base import CheckReport
from .catalog import Provider
from .dummy_answer import DummyAnswer, answer_to, prompt_tokens
from .dummy_numbers import embedding_result
from .errors import BackendError, BackendTimeout, BackendUnavailable, BadAnswer, RateLimited, StreamCut
from .in_process import Deadline, InProcessBackend
from .spec import BackendSpec
from .texts import Sentence, gettext_noop
from .types import ChatChunk, ChatRequest, EmbeddingRequest, EmbeddingResult

_DOWN = Sentence(gettext_noop("The dummy plays a service that is down."))
_BUSY = Sentence(gettext_noop("The dummy plays a service that is asked too often."))
_LATE = Sentence(gettext_noop("The dummy plays a service that does not answer in time."))
_GARBLED = Sentence(gettext_noop("The dummy plays a service whose answer cannot be read."))
_CUT = Sentence(gettext_noop("The dummy plays a stream that breaks off."))

_FAILURES: dict[str, Callable[[], BackendError]] = {
    "unavailable": lambda: BackendUnavailable(_DOWN),
    "rate_limited": lambda: RateLimited(_BUSY, status_code=429, retry_after_s=1.0),
    "timeout": lambda: BackendTimeout(_LATE),
    "bad_answer": lambda: BadAnswer(_GARBLED),
}


class DummyBackend(InProcessBackend):
    """Implements ChatBackend."""

    def __init__(self, spec: BackendSpec, provider: Provider) -> None:
        super().__init__(spec, provider)
        self._text: str | None = spec.options.get("text")
        self._delay_s: float = spec.options.get("delay_s", 0.0)
        self._tokens_per_s: float | None = spec.options.get("tokens_per_s")
        self._failure: str | None = spec.options.get("fail")

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[ChatChunk]]:
        answer = answer_to(self.prepare(request), text=self._text)
        async with aclosing(self._chunks(answer)) as chunks:
            first = await anext(chunks)
            yield _chain(first, chunks)

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        self.prepare_embedding()
        await self._begin(Deadline(self._spec.timeout_s))
        return embedding_result(request, prompt_tokens(request.texts))

    async def check(self) -> CheckReport:
        if self._failure in ("check", "unavailable"):
            raise _FAILURES["unavailable"]()
        return CheckReport(Sentence(gettext_noop("The dummy is ready.")), took_s=0.0)

    async def list_models(self) -> tuple[str, ...]:
        return (self.model,)

    async def _chunks(self, answer: DummyAnswer) -> AsyncGenerator[ChatChunk, None]:
        deadline = Deadline(self._spec.timeout_s)
        starts_at = await self._begin(deadline)
        for index, chunk in enumerate(self._tokens_sent(answer)):
            if self._tokens_per_s is not None:
                await _sleep_until(starts_at + index / self._tokens_per_s, deadline)
            yield chunk
        if self._failure == "cut":
            raise StreamCut(_CUT)
        yield answer.last_chunk()

    async def _begin(self, deadline: Deadline) -> float:
        """When the answer begins, which is now."""
        starts_at = asyncio.get_running_loop().time() + self._delay_s
        await _sleep_until(starts_at, deadline)
        if self._failure in _FAILURES:
            raise _FAILURES[self._failure]()
        return starts_at

    def _tokens_sent(self, answer: DummyAnswer) -> Iterator[ChatChunk]:
        count = len(answer.tokens)
        return islice(answer.token_chunks(), count // 2 if self._failure == "cut" else count)


async def _sleep_until(moment: float, deadline: Deadline) -> None:
    async with deadline.limit(Sentence(gettext_noop("The answer"))):
        await asyncio.sleep(moment - asyncio.get_running_loop().time())


async def _chain(first: ChatChunk, rest: AsyncIterator[ChatChunk]) -> AsyncIterator[ChatChunk]:
    yield first
    async for chunk in rest:
        yield chunk
