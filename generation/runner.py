"""What runs jobs in a process: an event loop in a thread of its own, the same in the server and in a worker.

The loop looks for due jobs at an interval and when it is woken, works on a bounded number of them at a time
and keeps their leases. Waiting for models costs no threads: only the database has some.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable

import structlog
from django.conf import settings

from epochs.models import Role
from epochs.reporting import ProcessReporter
from llmconfigs.active import close_backends, follow

from .database_threads import DATABASE_DOWN, DatabaseThreads
from .gate import Gate
from .keeper import Keeper
from .slots import Slots

log = structlog.get_logger(__name__)

_DATABASE_THREADS = 3
_TICK_S = 1.0
_LONGEST_PAUSE_S = 5.0
_STOP_MARGIN_S = 10.0


class JobRunner:
    """Starts once and stops once. All methods may be called from any thread."""

    _loop: asyncio.AbstractEventLoop
    _nudge: asyncio.Event
    _stop: asyncio.Event
    _slots: Slots
    _keeper: Keeper

    def __init__(self, *, concurrency: int | None = None) -> None:
        self.owner = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._concurrency = concurrency or settings.GENERATION_CONCURRENCY
        self._thread = threading.Thread(target=self._main, name="job-runner", daemon=True)
        self._has_started = threading.Event()
        self._drain_s = 0.0
        self._death: BaseException | None = None

    def start(self) -> None:
        """Raises RuntimeError if it cannot start."""
        self._thread.start()
        self._has_started.wait()
        if self._death is not None:
            raise RuntimeError("The job runner did not start.") from self._death

    def wake(self) -> None:
        """Look for due jobs now. No-op while stopped."""
        if self._has_started.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._nudge.set)

    def stop(self, *, timeout_s: float) -> None:
        """Begins no more jobs, lets the running ones end within the time, and gives the others back.

        Blocks for little longer than `timeout_s`, also when the database is down.
        """
        self._drain_s = timeout_s
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout_s + _STOP_MARGIN_S)
        if self._thread.is_alive():
            log.error("runner_stuck", owner=self.owner)

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            self._death = error
            log.critical("runner_died", owner=self.owner, exc_info=True)
        finally:
            self._has_started.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._nudge, self._stop = asyncio.Event(), asyncio.Event()
        database = DatabaseThreads(count=_DATABASE_THREADS, name="job-runner")
        gate = Gate(database)
        self._slots = Slots(
            database, gate, owner=self.owner, count=self._concurrency, on_free=self._nudge.set
        )
        self._keeper = Keeper(database, self._slots, gate, owner=self.owner)
        self._has_started.set()
        log.info("runner_started", owner=self.owner, concurrency=self._concurrency)
        polling = asyncio.create_task(_forever(self._poll, name="poll"))
        keeping = asyncio.create_task(_forever(self._keep, name="keep"))
        await self._stop.wait()
        await self._slots.drain(timeout_s=self._drain_s)
        for task in (polling, keeping):
            task.cancel()
        await asyncio.wait({polling, keeping})
        await self._keeper.close()
        await close_backends()
        await asyncio.to_thread(database.stop, timeout_s=_STOP_MARGIN_S / 2)
        log.info("runner_stopped", owner=self.owner)

    async def _poll(self) -> None:
        self._nudge.clear()
        await self._slots.start_due()
        interval_s = settings.GENERATION_POLL_INTERVAL_S * random.uniform(0.8, 1.2)  # noqa: S311  (spreads the workers)
        with contextlib.suppress(TimeoutError):
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
            async with asyncio.timeout(interval_s):
                await self._nudge.wait()

    async def _keep(self) -> None:
        if await self._keeper.tick():
            self._nudge.set()
        await asyncio.sleep(min(_TICK_S, settings.GENERATION_LEASE_S / 3))


async def _forever(step: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Nothing ends it but being cancelled: a failing step is logged, and tried again after a pause."""
    failures = 0
    while True:
        try:
            await step()
            failures = 0
            continue
        except DATABASE_DOWN as error:
            log.error("runner_waits_for_database", step=name, error=str(error))
        except Exception:
            log.exception("runner_step_failed", step=name)
        failures += 1
        await asyncio.sleep(min(_LONGEST_PAUSE_S, 0.25 * 2 ** min(failures, 8)))


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
