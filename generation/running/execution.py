"""One attempt at a job: check the backend's health, generate, and say how it ended."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

import structlog
from django.db import Error

from epochs.current import Epochs, current
from epochs.errors import EpochsUnknown
from generators import known
from generators.definition import Definition
from llmbackends.errors import BackendError, BackendUnavailable
from llmbackends.texts import Sentence, gettext_noop
from llmconfigs import wording
from llmconfigs.selection import ActiveSpec

from ..answering import completions
from ..answering.generating import Generated, Generating, SecondTry
from ..failures import API_ERRORS, PublicError, public_error
from ..models import JobStatus
from ..queue import attempts, breakers
from ..queue.claims import Claim
from ..queue.outcomes import (
    NOTHING_YET,
    OUTPUT_INCOMPLETE,
    AnsweredBy,
    Outcome,
    Postponement,
    Progress,
    Trace,
    failed,
)
from ..requests import given_of

log = structlog.get_logger(__name__)

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 30.0

_CANCELLED_BY_ITSELF = Sentence(gettext_noop("The attempt was cancelled, but nobody asked for it."))
_CRASHED = gettext_noop("An error in the program: %(error)s")
_OVERDUE = Sentence(gettext_noop("The job's deadline passed."))
_NEVER_READY = Sentence(gettext_noop("The job's deadline passed before the model was ready."))
_NEVER_READY_AND_WHY = gettext_noop(
    "The job's deadline passed before the model was ready. Before: %(before)s"
)
_UNREAD_SINCE = gettext_noop("The generator %(generator)s could not be read: %(error)s")
_UNREAD = gettext_noop("The generator %(generator)s could not be read.")
_NOT_KNOWN_YET = gettext_noop("The generator %(generator)s is not among those that were last known.")


class Attempt:
    """`run()` raises nothing but CancelledError; why it was cancelled, its caller knows."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._began_at = time.monotonic()
        self._generating: Generating | None = None
        self._answered_by: AnsweredBy | None = None
        self._is_ready = False
        self._first_chunk_s: float | None = None
        self._has_begun = asyncio.Event()
        self._has_output = False
        """Of the try that is under way."""

    @property
    def progress(self) -> Progress:
        """The text begins anew with a second try; the tokens are those of both."""
        if self._generating is None:
            return NOTHING_YET
        return Progress(self._generating.text, self._generating.tokens)

    async def run(self) -> Outcome | Postponement:
        limit = asyncio.timeout(self.claim.remaining_s)
        try:
            async with limit:
                return await self._generate()
        except BackendError as error:
            return self._ended_by(error)
        except Exception as error:
            if limit.expired():
                return self._overdue()
            log.exception("job_crashed", **self._facts())
            return self._failed(
                API_ERRORS["internal_error"], self._trace(Sentence(_CRASHED, error=_in_log(error)))
            )

    async def begun(self) -> Trace:
        """Waits until the model has begun to answer: it is there, however long the rest takes."""
        await self._has_begun.wait()
        return self._trace()

    def cancelled(self) -> Outcome:
        """For a caller that cancelled `run()` because the client asked for it; of an attempt that was put
        off, what it had come to."""
        so_far = self.progress
        return Outcome(
            status=JobStatus.CANCELLED,
            trace=self._trace(),
            text=so_far.text,
            tokens_so_far=so_far.tokens,
            **self._estimated(),
        )

    def cancelled_by_itself(self) -> Outcome:
        """For a caller that did not cancel `run()`: something in the backend did."""
        log.error("job_crashed", **self._facts(), because="cancelled from inside")
        return self._failed(API_ERRORS["internal_error"], self._trace(_CANCELLED_BY_ITSELF))

    async def _generate(self) -> Outcome:
        epochs = await _epochs_or_none()
        definition = await _definition_of(self.claim.generator, epochs)
        generating = self._generating = Generating(definition, given_of(self.claim.request))
        async with completions.begin(epochs) as completion:
            self._answered_by = _answered_by(completion.active)
            await completion.ensure_healthy()
            self._is_ready = True
            async with aclosing(generating.pieces(completion)) as pieces:
                async for piece in pieces:
                    self._has_output = not isinstance(piece, SecondTry)
                    if self._first_chunk_s is None:
                        self._first_chunk_s = self._elapsed_s()
                        self._has_begun.set()
        return self._ended(generating.generated(), passes_on=definition.allows_partial)

    def _ended(self, generated: Generated, *, passes_on: bool) -> Outcome:
        used = {"usage": generated.usage, **self._estimated()}
        misfit = generated.misfit
        if misfit is not None and not passes_on:
            return self._failed(API_ERRORS["output_invalid"], self._trace(misfit.fault), **used)
        log.info("job_completed", **self._facts(), seconds=round(self._elapsed_s(), 3))
        return Outcome(
            status=JobStatus.COMPLETED,
            trace=self._trace("" if misfit is None else misfit.fault),
            text=generated.text,
            tokens_so_far=self.progress.tokens,
            tool_calls=tuple(asdict(call) for call in generated.tool_calls),
            finish_reason=generated.finish_reason,
            data=generated.data,
            warnings=() if misfit is None else (OUTPUT_INCOMPLETE,),
            **used,
        )

    def _ended_by(self, error: BackendError) -> Outcome | Postponement:
        detail = wording.explained(error)
        was_there, retry_after_s = not self._is_outage(error), error.retry_after_s or 0.0
        trace = replace(self._trace(detail), was_there=was_there, retry_after_s=retry_after_s)
        if not self._can_wait(error):
            return self._failed(public_error(error), trace)
        delay_s = self._delay_s(error)
        if delay_s >= self.claim.remaining_s - self._elapsed_s() or self.claim.attempt >= attempts.MOST:
            return self._failed(
                public_error(error) if self._is_ready else API_ERRORS["backend_unavailable"], trace
            )
        log.warning("job_postponed", **self._facts(), because=_in_log(error), delay_s=round(delay_s, 1))
        return Postponement(delay_s=delay_s, trace=trace)

    def _overdue(self) -> Outcome:
        if self._is_ready:
            return self._failed(API_ERRORS["backend_timeout"], self._trace(_OVERDUE))
        before = self.claim.last_failure
        detail = Sentence(_NEVER_READY_AND_WHY, before=before) if before else _NEVER_READY
        return self._failed(API_ERRORS["backend_unavailable"], self._trace(detail))

    def _can_wait(self, error: BackendError) -> bool:
        """Whether a later attempt may succeed: a model that is down may come back, and an administrator may
        mend what is misconfigured. It begins anew, also where a first try was answered: that did not fit."""
        if not self._is_ready:
            return True
        return self._is_outage(error) and not error.processed

    def _is_outage(self, error: BackendError) -> bool:
        """Whether the next job would meet the same, whatever it asks for."""
        is_down = error.retryable or public_error(error).code == "backend_unavailable"
        return is_down and not self._has_output

    def _delay_s(self, error: BackendError) -> float:
        """Doubles with each postponement, half of it by chance: the jobs shall not all come back at once."""
        longest: float = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(self.claim.postponements, 10))
        return max(error.retry_after_s or 0.0, longest * random.uniform(0.5, 1))  # noqa: S311  (not a secret)

    def _failed(self, error: PublicError, trace: Trace, **used: Any) -> Outcome:
        # Why an answer does not fit may quote it: that is for staff, with the attempt.
        because = {} if error.code == "output_invalid" else {"because": trace.failure_detail}
        log.warning("job_failed", **self._facts(), code=error.code, **because)
        return failed(error, trace=trace, progress=self.progress, **(used or self._estimated()))

    def _estimated(self) -> dict[str, Any]:
        return {"estimate": self._generating.estimate()} if self._generating is not None else {}

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


async def _epochs_or_none() -> Epochs | None:
    try:
        return await current()
    except EpochsUnknown:  # the database is down, and has been for a while
        return None


async def _definition_of(generator: str, epochs: Epochs | None) -> Definition:
    """Raises BackendUnavailable while it cannot be read: a later attempt will find it."""
    try:
        generators = known.last_known() if epochs is None else await known.known(epochs)
    except Error as error:
        raise BackendUnavailable(Sentence(_UNREAD_SINCE, generator=generator, error=str(error))) from error
    if generators is None:
        raise BackendUnavailable(Sentence(_UNREAD, generator=generator))
    definition = generators.published(generator)
    if definition is None and (epochs is None or epochs.is_stale):  # it may have been published since
        raise BackendUnavailable(Sentence(_NOT_KNOWN_YET, generator=generator))
    if definition is None:
        raise LookupError(f"There is no generator {generator}.")
    return definition


def _in_log(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
