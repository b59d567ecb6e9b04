"""The jobs that this process works on at the moment; lives on the runner's event loop alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import structlog
from django.db import IntegrityError

from . import claims
from .claims import Claim
from .database_threads import DATABASE_DOWN, DatabaseThreads
from .execution import Attempt
from .failures import API_ERRORS
from .outcomes import Outcome, Postponement, Progress, Trace, failed

log = structlog.get_logger(__name__)

_STORE_AGAIN_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_GIVE_BACK_S = 5.0


class Interruption(Enum):
    CANCELLED = auto()
    LEASE_LOST = auto()
    SHUTDOWN = auto()


@dataclass(eq=False)
class _Running:
    attempt: Attempt
    generation: asyncio.Task[Outcome | Postponement]
    interruption: Interruption | None = None


class Slots:
    """At most `count` jobs at a time. `on_free` is called whenever a slot becomes free."""

    def __init__(
        self, database: DatabaseThreads, *, owner: str, count: int, on_free: Callable[[], None]
    ) -> None:
        self._database = database
        self._owner = owner
        self._count = count
        self._on_free = on_free
        self._taken = 0
        self._running: dict[Claim, _Running] = {}
        self._all_free = asyncio.Event()
        self._all_free.set()
        self._is_draining = False

    async def start_next(self) -> asyncio.Task[None] | None:
        """Claims a job and begins it; the task ends when the result is stored. None: no slot, nothing due."""
        if self._is_draining or self._taken == self._count:
            return None
        self._take()
        work = None
        try:
            claim = await self._database.run(claims.claim_next, self._owner)
            if claim is not None:
                work = asyncio.create_task(self._work_on(claim))
        finally:
            if work is None:
                self._free()
        return work

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
        if self._taken:
            log.error("jobs_left_to_their_leases", jobs=[str(claim.job_id) for claim in self._running])

    async def _wait_until_free(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._all_free.wait()

    def _take(self) -> None:
        self._taken += 1
        self._all_free.clear()

    def _free(self) -> None:
        self._taken -= 1
        if not self._taken:
            self._all_free.set()

    async def _work_on(self, claim: Claim) -> None:
        attempt = Attempt(claim)
        running = _Running(attempt, asyncio.create_task(attempt.run()))
        self._running[claim] = running
        if self._is_draining:  # it was claimed while the draining began
            self.interrupt(claim, Interruption.SHUTDOWN)
        try:
            await asyncio.wait({running.generation})
            await self._store(running)
        except Exception:
            log.exception("job_not_stored", job_id=str(claim.job_id), attempt=claim.attempt)
        finally:
            del self._running[claim]
            self._free()
            self._on_free()

    async def _store(self, running: _Running) -> None:
        write = _write(running)
        try:
            await self._insist(write, running.attempt.claim)
        except Exception as error:
            # The database does not take this result, now or ever: store that instead.
            log.exception("result_refused", job_id=str(running.attempt.claim.job_id))
            trace = Trace(failure_detail=f"The result could not be stored. {type(error).__name__}: {error}")
            outcome = failed(API_ERRORS["internal_error"], trace=trace)
            await self._insist(partial(claims.finish, running.attempt.claim, outcome), running.attempt.claim)

    async def _insist(self, write: Callable[[], Any], claim: Claim) -> None:
        """Tries until the database has answered; the claim itself decides whether it is still wanted then."""
        failures = 0
        was_refused = False
        while True:
            try:
                await self._database.run(write)
                return
            except DATABASE_DOWN as error:
                log.error("result_waits_for_database", job_id=str(claim.job_id), error=str(error))
            except IntegrityError as error:
                # Once proves nothing: the configuration that answered may have been deleted at that moment.
                if was_refused:
                    raise
                log.warning("result_is_stored_again", job_id=str(claim.job_id), error=str(error))
                was_refused = True
            await asyncio.sleep(_STORE_AGAIN_S[min(failures, len(_STORE_AGAIN_S) - 1)])
            failures += 1


def _write(running: _Running) -> Callable[[], Any]:
    """What has to be stored after the generation has ended."""
    claim = running.attempt.claim
    facts = {"job_id": str(claim.job_id), "attempt": claim.attempt}
    if not running.generation.cancelled():
        ending = running.generation.result()
        if isinstance(ending, Outcome):
            return partial(claims.finish, claim, ending)
        return partial(claims.give_back, claim, ending)
    if running.interruption is Interruption.LEASE_LOST:
        log.warning("job_abandoned", **facts, because="another worker has it")
        return partial(claims.record_unwanted, claim, running.attempt.cancelled())
    if running.interruption is Interruption.CANCELLED:
        log.info("job_cancelled", **facts)
        return partial(claims.finish, claim, running.attempt.cancelled())
    if running.interruption is Interruption.SHUTDOWN:
        log.info("job_given_back", **facts)
        return partial(claims.give_back, claim, unfinished=running.attempt.cancelled())
    return partial(claims.finish, claim, running.attempt.cancelled_by_itself())
