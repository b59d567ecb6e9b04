"""Following jobs until they are finished: one thread and one SELECT for all who watch in this process.

The thread lives, and holds a database connection, only while somebody watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import structlog
from django.db import connections
from django.db.models.functions import Length

from epochs.outages import DATABASE_DOWN

from ..errors import JobNotFound
from ..models import GenerationJob

log = structlog.get_logger(__name__)

_INTERVAL_S = 0.1
_PAUSE_S = 1.0

_State = tuple[str, int, int, int]
"""Status, attempt, length of the text and tokens: within an attempt, a text only grows."""


async def wait_until_finished(job_id: uuid.UUID, *, timeout_s: float) -> GenerationJob:
    """The finished job, or the job as it is when the time is over.

    Raises JobNotFound, and OperationalError while the database cannot be read at all.
    """
    with _watched(job_id) as watch:
        job = await watch.next()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not job.is_finished:
                    job = await watch.next()
        return job


async def changes(job_id: uuid.UUID) -> AsyncIterator[GenerationJob]:
    """The job as it is now, and again after each change of its status, text or tokens, until it is finished.

    Changes in quick succession come as one. Close it (`contextlib.aclosing`) if you leave it early. Raises as
    wait_until_finished.
    """
    with _watched(job_id) as watch:
        while True:
            job = await watch.next()
            yield job
            if job.is_finished:
                return


class _Watch:
    """One watcher of one job. `deliver` is called by the poller's thread, `next` on the watcher's loop."""

    def __init__(self, job_id: uuid.UUID) -> None:
        self.job_id = job_id
        self.seen: _State | None = None
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._latest: GenerationJob | Exception | None = None

    def deliver(self, latest: GenerationJob | Exception) -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(self._accept, latest)

    async def next(self) -> GenerationJob:
        await self._arrived.wait()
        self._arrived.clear()
        if isinstance(self._latest, GenerationJob):
            return self._latest
        raise self._latest or RuntimeError("Nothing was delivered.")

    def _accept(self, latest: GenerationJob | Exception) -> None:
        self._latest = latest
        self._arrived.set()


class _Poller:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: set[_Watch] = set()
        self._thread: threading.Thread | None = None

    def add(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="job-watcher", daemon=True)
                self._thread.start()

    def remove(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _work(self) -> None:
        try:
            while watches := self._current_or_end():
                time.sleep(_INTERVAL_S if self._look(watches) else _PAUSE_S)
        finally:
            connections.close_all()

    def _current_or_end(self) -> tuple[_Watch, ...]:
        """Ends the thread's turn under the lock: who comes later starts a new one."""
        with self._lock:
            if not self._watches:
                self._thread = None
            return tuple(self._watches)

    def _look(self, watches: tuple[_Watch, ...]) -> bool:
        """False: it did not work, and those who have seen nothing yet have been told."""
        try:
            _deliver(watches)
            return True
        except Exception as error:
            if isinstance(error, DATABASE_DOWN):
                log.error("watching_waits_for_database", error=str(error), watchers=len(watches))
            else:
                log.exception("watching_failed", watchers=len(watches))
            with contextlib.suppress(Exception):
                connections.close_all()
            for watch in watches:
                if watch.seen is None:
                    watch.deliver(error)
            return False


def _deliver(watches: Iterable[_Watch]) -> None:
    states = _states({watch.job_id for watch in watches})
    behind = [watch for watch in watches if watch.seen is None or watch.seen != states.get(watch.job_id)]
    slim = GenerationJob.objects.defer("request", "failure_detail")
    jobs = slim.in_bulk({watch.job_id for watch in behind}) if behind else {}
    for watch in behind:
        watch.seen = states.get(watch.job_id)
        watch.deliver(jobs.get(watch.job_id) or JobNotFound())


def _states(job_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, _State]:
    rows = GenerationJob.objects.filter(pk__in=job_ids).annotate(length=Length("text"))
    return {
        job_id: (status, attempt, length, tokens)
        for job_id, status, attempt, length, tokens in rows.values_list(
            "pk", "status", "attempt", "length", "tokens_so_far"
        )
    }


@contextlib.contextmanager
def _watched(job_id: uuid.UUID) -> Iterator[_Watch]:
    watch = _Watch(job_id)
    _poller.add(watch)
    try:
        yield watch
    finally:
        _poller.remove(watch)


_poller = _Poller()
