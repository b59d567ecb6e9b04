"""One attempt at a job: check the backend's health, generate, and say how it ended."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import asdict, replace

import structlog

from llmbackends.errors import BackendError
from llmbackends.types import ChatChunk, ChunkCollector
from llmconfigs.selection import ActiveSpec

from . import attempts, breakers, completions
from .claims import Claim
from .failures import API_ERRORS, PublicError, public_error
from .models import JobStatus
from .outcomes import AnsweredBy, Outcome, Postponement, Progress, Trace, failed
from .requests import to_chat_request

log = structlog.get_logger(__name__)

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 30.0


class Attempt:
    """`run()` raises nothing but CancelledError; why it was cancelled, its caller knows."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._began_at = time.monotonic()
        self._collector = ChunkCollector()
        self._answered_by: AnsweredBy | None = None
        self._is_ready = False
        self._first_chunk_s: float | None = None
        self._tokens = 0

    @property
    def progress(self) -> Progress:
        return Progress(self._collector.text, self._tokens)

    async def run(self) -> Outcome | Postponement:
        limit = asyncio.timeout(self.claim.remaining_s)
        try:
            async with limit:
                await self._generate()
            return self._completed()
        except BackendError as error:
            return self._ended_by(error)
        except Exception as error:
            if limit.expired():
                return self._overdue()
            log.exception("job_crashed", **self._facts())
            return self._failed(API_ERRORS["internal_error"], self._trace(f"{type(error).__name__}: {error}"))

    def cancelled(self) -> Outcome:
        """For a caller that cancelled `run()` because the client asked for it."""
        so_far = self.progress
        return Outcome(
            status=JobStatus.CANCELLED, trace=self._trace(), text=so_far.text, tokens_so_far=so_far.tokens
        )

    def cancelled_by_itself(self) -> Outcome:
        """For a caller that did not cancel `run()`: something in the backend did."""
        log.error("job_crashed", **self._facts(), because="cancelled from inside")
        detail = "The attempt was cancelled, but nobody asked for it."
        return self._failed(API_ERRORS["internal_error"], self._trace(detail))

    async def _generate(self) -> None:
        async with completions.begin() as completion:
            self._answered_by = _answered_by(completion.active)
            await completion.ensure_healthy()
            self._is_ready = True
            async with completion.stream(to_chat_request(self.claim.request)) as chunks:
                async for chunk in chunks:
                    self._add(chunk)

    def _add(self, chunk: ChatChunk) -> None:
        if self._first_chunk_s is None:
            self._first_chunk_s = self._elapsed_s()
        self._collector.add(chunk)
        if chunk.usage is not None:
            self._tokens = chunk.usage.completion_tokens
        elif chunk.text or chunk.reasoning or chunk.tool_calls:
            self._tokens += 1

    def _completed(self) -> Outcome:
        result = self._collector.result()
        log.info("job_completed", **self._facts(), seconds=round(self._elapsed_s(), 3))
        return Outcome(
            status=JobStatus.COMPLETED,
            trace=self._trace(),
            text=result.text,
            tokens_so_far=self._tokens,
            tool_calls=tuple(asdict(call) for call in result.tool_calls),
            finish_reason=result.finish_reason,
            usage=result.usage,
        )

    def _ended_by(self, error: BackendError) -> Outcome | Postponement:
        detail = f"{type(error).__name__}: {error.message}"
        was_there, retry_after_s = not self._is_outage(error), error.retry_after_s or 0.0
        trace = replace(self._trace(detail), was_there=was_there, retry_after_s=retry_after_s)
        if not self._can_wait(error):
            return self._failed(public_error(error), trace)
        delay_s = self._delay_s(error)
        if delay_s >= self.claim.remaining_s - self._elapsed_s() or self.claim.attempt >= attempts.MOST:
            return self._failed(
                public_error(error) if self._is_ready else API_ERRORS["backend_unavailable"], trace
            )
        log.warning("job_postponed", **self._facts(), because=detail, delay_s=round(delay_s, 1))
        return Postponement(delay_s=delay_s, trace=trace)

    def _overdue(self) -> Outcome:
        if self._is_ready:
            return self._failed(API_ERRORS["backend_timeout"], self._trace("The job's deadline passed."))
        before = self.claim.last_failure and f" Before: {self.claim.last_failure}"
        detail = f"The job's deadline passed before the model was ready.{before}"
        return self._failed(API_ERRORS["backend_unavailable"], self._trace(detail))

    def _can_wait(self, error: BackendError) -> bool:
        """Whether a later attempt may succeed and repeats nothing: a model that is down may come back, and an
        administrator may mend what is misconfigured."""
        if not self._is_ready:
            return True
        is_down = error.retryable or public_error(error).code == "backend_unavailable"
        return is_down and not error.processed and self._first_chunk_s is None

    def _is_outage(self, error: BackendError) -> bool:
        """Whether the next job would meet the same, whatever it asks for."""
        is_down = error.retryable or public_error(error).code == "backend_unavailable"
        return is_down and self._first_chunk_s is None

    def _delay_s(self, error: BackendError) -> float:
        """Doubles with each postponement, half of it by chance: the jobs shall not all come back at once."""
        longest: float = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(self.claim.postponements, 10))
        return max(error.retry_after_s or 0.0, longest * random.uniform(0.5, 1))  # noqa: S311  (not a secret)

    def _failed(self, error: PublicError, trace: Trace) -> Outcome:
        log.warning("job_failed", **self._facts(), code=error.code, because=trace.failure_detail)
        return failed(error, trace=trace, progress=self.progress)

    def _trace(self, failure_detail: str = "") -> Trace:
        was_there = True if self._first_chunk_s is not None else None
        return Trace(self._answered_by, self._first_chunk_s, self._elapsed_s(), failure_detail, was_there)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_at

    def _facts(self) -> dict[str, object]:
        by = self._answered_by
        return {
            "job_id": str(self.claim.job_id),
            "attempt": self.claim.attempt,
            "config": by and by.config_name,
            "provider": by and by.provider,
            "model": by and by.model,
        }


def _answered_by(active: ActiveSpec) -> AnsweredBy:
    return AnsweredBy(
        active.config_id,
        active.config_name,
        active.spec.provider,
        active.spec.model,
        breakers.backend_of(active),
    )
