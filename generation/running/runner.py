"""What runs jobs in a process: an event loop in a thread of its own, the same in the server and in a worker.

The loop looks for due jobs at an interval and when it is woken, works on a bounded number of them at a time
and keeps their leases. Waiting for models costs no threads: only the database has some.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from django.conf import settings

from background.database_threads import DatabaseThreads
from background.looping import STOP_MARGIN_S, LoopThread, forever, spread
from epochs.models import Role
from epochs.outages import DATABASE_DOWN
from epochs.reporting import ProcessReporter
from llmconfigs.active import close_backends, follow

from . import sweeping
from .gate import Gate
from .keeper import Keeper
from .slots import Slots

log = structlog.get_logger(__name__)

_DATABASE_THREADS = 3
_TICK_S = 1.0


class JobRunner(LoopThread):
    _database: DatabaseThreads
    _slots: Slots
    _keeper: Keeper

    def __init__(self, *, concurrency: int | None = None) -> None:
        super().__init__(name="job-runner")
        self._concurrency = concurrency or settings.GENERATION_CONCURRENCY

    async def _live(self) -> None:
        database = self._database = DatabaseThreads(count=_DATABASE_THREADS, name="job-runner")
        gate = Gate(database)
        self._slots = Slots(
            database, gate, owner=self.owner, count=self._concurrency, on_free=self._nudge.set
        )
        self._keeper = Keeper(database, self._slots, gate)
        self._has_started.set()
        log.info("runner_started", owner=self.owner, concurrency=self._concurrency)
        steps = (self._poll, self._keep, self._sweep)
        tasks = {asyncio.create_task(forever(step, name=step.__name__.strip("_"))) for step in steps}
        await self._stop.wait()
        await self._slots.drain(timeout_s=self._drain_s)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with contextlib.suppress(*DATABASE_DOWN):  # another worker sweeps at once
            await database.run(sweeping.release, self.owner)
        await close_backends()
        await asyncio.to_thread(database.stop, timeout_s=STOP_MARGIN_S / 2)
        log.info("runner_stopped", owner=self.owner)

    async def _poll(self) -> None:
        self._nudge.clear()
        await self._slots.start_due()
        await self._wait_for_nudge(spread(settings.GENERATION_POLL_INTERVAL_S))

    async def _keep(self) -> None:
        if await self._keeper.tick():
            self._nudge.set()
        await asyncio.sleep(min(_TICK_S, settings.GENERATION_LEASE_S / 3))

    async def _sweep(self) -> None:
        """Apart from the keeping: it may take long, and leases and cancellations cannot wait for it."""
        if await self._database.run(sweeping.sweep, self.owner):
            self._nudge.set()
        await asyncio.sleep(spread(sweeping.period_s()))


_here: JobRunner | None = None
"""The runner of this process."""

_reporter: ProcessReporter | None = None
"""Only in a worker: a web server reports itself, with a runner in it or not."""


def start_here(*, concurrency: int | None = None) -> None:
    """Makes this process a worker. Raises RuntimeError if it has a runner."""
    global _reporter
    _start(concurrency=concurrency)
    _reporter = ProcessReporter(Role.WORKER, follow=follow)
    _reporter.start()


def stop_here(*, timeout_s: float) -> None:
    global _here, _reporter
    runner, _here = _here, None
    reporter, _reporter = _reporter, None
    if runner is not None:
        runner.stop(timeout_s=timeout_s)
    if reporter is not None:
        reporter.stop()


def wake_here() -> None:
    """No-op in a process without a runner."""
    runner = _here
    if runner is not None:
        runner.wake()


def start_embedded() -> None:
    """For the web server's process."""
    _start()


def stop_embedded() -> None:
    stop_here(timeout_s=settings.GENERATION_SHUTDOWN_S)


def _start(*, concurrency: int | None = None) -> None:
    global _here
    if _here is not None:
        raise RuntimeError("This process has a job runner already.")
    runner = JobRunner(concurrency=concurrency)
    runner.start()
    _here = runner
