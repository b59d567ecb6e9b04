"""Whether a runner may begin jobs: all it has room for, unless the breaker of what is active is open."""

from __future__ import annotations

import time

import structlog
from django.conf import settings

from background.database_threads import DatabaseThreads
from llmbackends.errors import BackendError
from llmconfigs.active import selected

from ..queue import breakers, postponements
from ..queue.breakers import BreakerState
from ..queue.outcomes import Trace

log = structlog.get_logger(__name__)


class Gate:
    """Lives on the runner's loop. What it knows of the breakers is read once a second, not for each job."""

    def __init__(self, database: DatabaseThreads) -> None:
        self._database = database
        self._known: dict[str, BreakerState] = {}
        self._has_read = False

    async def refresh(self) -> bool:
        """True if one that was open is so no more."""
        before = self._open()
        self._known = await self._database.run(breakers.read) if _is_on() else {}
        self._has_read = True
        return bool(before - self._open())

    async def probe(self) -> str | None:
        """The backend whose breaker keeps this process from beginning more than one job, which tries it; ""
        where not even one may begin. None: no breaker is in the way."""
        if not self._has_read:
            await self.refresh()
        if not self._open():
            return None
        try:
            backend = breakers.backend_of(await selected())
        except BackendError:
            return None  # each job finds out by itself what is wrong
        state = self._known.get(backend)
        if state is None or not state.is_open:
            return None
        if state.probe_at is None or time.monotonic() < state.probe_at:
            return ""
        hold_s = 2 * float(settings.GENERATION_LEASE_S)
        may_try = await self._database.run(breakers.begin_probe, backend, hold_s=hold_s)
        self._known[backend] = BreakerState(is_open=True, probe_at=None)
        return backend if may_try else ""

    async def give_up_probe(self, backend: str) -> None:
        await self._database.run(breakers.end_probe, backend)
        await self.refresh()

    async def report(self, trace: Trace, *, was_probe: bool) -> bool:
        """Notes how an attempt found its backend. True if a breaker was closed by it."""
        by = trace.answered_by
        if by is None or trace.was_there is None or not _is_on():
            return False
        if not trace.was_there:
            await self._database.run(
                breakers.note_failure,
                by.backend,
                name=by.config_name,
                reason=trace.failure_detail,
                retry_after_s=trace.retry_after_s,
                was_probe=was_probe,
            )
        elif by.backend in self._known:
            if await self._database.run(breakers.note_success, by.backend):
                await self._database.run(postponements.bring_forward, by.config_id)
        else:
            return False
        return await self.refresh()

    def _open(self) -> set[str]:
        return {backend for backend, state in self._known.items() if state.is_open}


def _is_on() -> bool:
    return bool(settings.GENERATION_BREAKER_FAILURES)
