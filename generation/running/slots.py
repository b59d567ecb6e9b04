"""The jobs that this process works on at the moment; lives on the runner's event loop alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import structlog
from django.db import IntegrityError

from background.claiming import Claiming
from background.database_threads import DatabaseThreads, insist
from epochs.outages import DATABASE_DOWN
from llmbackends.texts import Sentence, gettext_noop

from ..failures import API_ERRORS
from ..queue import claims, endings
from ..queue.claims import Claim
from ..queue.outcomes import Outcome, Postponement, Progress, Trace, failed
from .execution import Attempt
from .gate import Gate
from .results import ResultStore

log = structlog.get_logger(__name__)

_NOT_STORED = gettext_noop("The result could not be stored: %(error)s")

_GIVE_BACK_S = 5.0


class Interruption(Enum):
    CANCELLED = auto()
    LEASE_LOST = auto()
    SHUTDOWN = auto()


@dataclass(eq=False)
class _Running:
    """`probed`: the backend that it tries, whose breaker is open."""

    attempt: Attempt
    generation: asyncio.Task[Outcome | Postponement]
    probed: str | None
    interruption: Interruption | None = None


class Slots:
    """At most `count` jobs at a time. `on_free` is called whenever a slot becomes free.

    A slot is free when its generation has ended: while the result is being stored the next job can begin. But
    no more than another `count` of results wait for the database.
    """

    def __init__(
        self, database: DatabaseThreads, gate: Gate, *, owner: str, count: int, on_free: Callable[[], None]
    ) -> None:
        self._database = database
        self._results = ResultStore(database)
        self._gate = gate
        self._owner = owner
        self._count = count
        self._on_free = on_free
        self._taken = 0
        self._storing = 0
        self._running: dict[Claim, _Running] = {}
        self._works: set[asyncio.Task[None]] = set()
        self._all_free = asyncio.Event()
        self._all_free.set()
        self._is_draining = False
        self._claiming: Claiming[Claim] = Claiming(database)

    async def start_due(self) -> int:
        """Claims jobs for the slots that are free and begins them; returns how many."""
        if self._is_draining or self._room() <= 0:
            return 0
        await self._begin_unconfirmed()
        probed = await self._gate.probe()
        if probed == "":
            return 0
        begun = await self._start(self._room() if probed is None else 1, probed)
        if probed and not begun:
            await self._gate.give_up_probe(probed)
        return begun

    async def _start(self, most: int, probed: str | None) -> int:
        self._take(most)
        begun = 0
        try:
            for claim in await self._claiming.claim(claims.claim_due, self._owner, most):
                self._begin(claim, probed)
                begun += 1
        finally:
            self._free(most - begun)
        return begun

    async def _begin_unconfirmed(self) -> None:
        for claim in await self._claiming.unconfirmed(claims.held_by, self._owner, self._running):
            log.warning("job_claimed_unconfirmed", job_id=str(claim.job_id), attempt=claim.attempt)
            self._take(1)
            self._begin(claim, None)

    def _begin(self, claim: Claim, probed: str | None) -> None:
        work = asyncio.create_task(self._work_on(claim, probed))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    def progress(self) -> dict[Claim, Progress]:
        """How far every job has come."""
        return {claim: running.attempt.progress for claim, running in self._running.items()}

    def interrupt(self, claim: Claim, why: Interruption) -> None:
        """Stops the generation, which closes the connection to the model. No-op for a job that has ended."""
        running = self._running.get(claim)
        if running is not None and running.interruption is None and not running.generation.done():
            running.interruption = why
            running.generation.cancel()

    async def drain(self, *, timeout_s: float) -> None:
        """Begins nothing more, lets the jobs end within the time, and gives the others back."""
        self._is_draining = True
        await self._wait_until_free(timeout_s)
        for claim in list(self._running):
            self.interrupt(claim, Interruption.SHUTDOWN)
        await self._wait_until_free(_GIVE_BACK_S)
        if self._running:
            log.error("jobs_left_to_their_leases", jobs=[str(claim.job_id) for claim in self._running])

    async def _wait_until_free(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._all_free.wait()

    def _room(self) -> int:
        return min(self._count - self._taken, 2 * self._count - self._taken - self._storing)

    def _take(self, count: int) -> None:
        self._taken += count
        self._all_free.clear()

    def _free(self, count: int) -> None:
        self._taken -= count
        self._note_rest()

    def _note_rest(self) -> None:
        if not self._taken and not self._storing:
            self._all_free.set()

    async def _work_on(self, claim: Claim, probed: str | None) -> None:
        attempt = Attempt(claim)
        running = _Running(attempt, asyncio.create_task(attempt.run()), probed)
        self._running[claim] = running
        if self._is_draining:  # it was claimed while the draining began
            self.interrupt(claim, Interruption.SHUTDOWN)
        try:
            if probed is not None:
                await self._report_early(running)
            await asyncio.wait({running.generation})
            await self._report(running)
        finally:
            self._storing += 1
            self._free(1)
            self._on_free()
        try:
            await self._store(running)
        except Exception:
            log.exception("job_not_stored", job_id=str(claim.job_id), attempt=claim.attempt)
        finally:
            del self._running[claim]
            self._storing -= 1
            self._note_rest()
            self._on_free()

    async def _report_early(self, running: _Running) -> None:
        """That a backend whose breaker is open answers again: the others need not wait for all of it."""
        begun = asyncio.create_task(running.attempt.begun())
        try:
            await asyncio.wait({begun, running.generation}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                await self._tell_gate(running, begun.result())
                running.probed = None
                self._on_free()
        finally:
            begun.cancel()

    async def _report(self, running: _Running) -> None:
        """What it found out about its backend, for the breaker."""
        trace = Trace() if running.generation.cancelled() else running.generation.result().trace
        await self._tell_gate(running, trace)

    async def _tell_gate(self, running: _Running, trace: Trace) -> None:
        try:
            answered_by = trace.answered_by.backend if trace.answered_by else None
            has_probed = running.probed == answered_by and trace.was_there is not None
            await self._gate.report(trace, was_probe=running.probed is not None and has_probed)
            if running.probed is not None and not has_probed:
                await self._gate.give_up_probe(running.probed)
        except DATABASE_DOWN as error:
            log.error("breaker_waits_for_database", error=str(error))
        except Exception:
            log.exception("breaker_not_told", job_id=str(running.attempt.claim.job_id))

    async def _store(self, running: _Running) -> None:
        claim = running.attempt.claim
        try:
            await self._insist(self._writing(running), claim)
        except Exception as error:
            # The database does not take this result, now or ever: store that instead.
            log.exception("result_refused", job_id=str(claim.job_id), attempt=claim.attempt)
            detail = Sentence(_NOT_STORED, error=f"{type(error).__name__}: {error}")
            outcome = failed(API_ERRORS["internal_error"], trace=Trace(failure_detail=detail))
            await self._insist(partial(self._results.store, claim, outcome), claim)

    async def _insist(self, write: Callable[[], Awaitable[Any]], claim: Claim) -> None:
        """Tries until the database has answered; the claim itself decides whether it is still wanted then."""
        facts = {"job_id": str(claim.job_id)}
        try:
            await insist(write, event="result_waits_for_database", **facts)
        except IntegrityError as error:
            # Once proves nothing: the configuration that answered may have been deleted at that moment.
            log.warning("result_is_stored_again", **facts, error=str(error))
            await insist(write, event="result_waits_for_database", **facts)

    def _writing(self, running: _Running) -> Callable[[], Awaitable[Any]]:
        """What has to be stored after the generation has ended."""
        attempt, claim = running.attempt, running.attempt.claim
        finish = partial(self._results.store, claim)
        give_back = partial(self._database.run, endings.give_back, claim)
        facts = {"job_id": str(claim.job_id), "attempt": claim.attempt}
        if not running.generation.cancelled():
            ending = running.generation.result()
            if isinstance(ending, Outcome):
                return partial(finish, ending)
            return partial(give_back, ending, unfinished=attempt.cancelled())
        if running.interruption is Interruption.LEASE_LOST:
            log.warning("job_abandoned", **facts, because="another worker has it")
            return partial(self._database.run, endings.record_unwanted, claim, attempt.cancelled())
        if running.interruption is Interruption.CANCELLED:
            log.info("job_cancelled", **facts)
            return partial(finish, attempt.cancelled())
        if running.interruption is Interruption.SHUTDOWN:
            log.info("job_given_back", **facts)
            return partial(give_back, unfinished=attempt.cancelled())
        return partial(finish, attempt.cancelled_by_itself())
