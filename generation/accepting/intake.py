"""New jobs on their way into the database: those of one moment are inserted in one transaction.

Who submits waits for its commit on its own event loop, without a thread. What the writer cannot store for a
few seconds is refused: better a client that is told so than one that waits.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from django.db import Error, OperationalError, connection

from groupcommit.writer import GroupWriter

from .. import sql
from ..models import GenerationJob
from . import dispatch

log = structlog.get_logger(__name__)

GATHER_S = 0.002
MOST_WAITING = 10_000
PATIENCE_S = 3.0
LONGEST_WAIT_S = 10.0
"""For a database that neither stores nor fails, as while a table is locked: longer than as many as may wait
take to be stored."""
EXIT_PATIENCE_S = 3.0
_BATCH = 200
_PAUSES_S = (0.0, 0.1, 0.3, 0.5)


@dataclass(eq=False)
class Pending:
    """A job to be inserted. `stored` is the row afterwards: its own, or the one of its idempotency key."""

    job: GenerationJob
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    since: float = field(default_factory=time.monotonic)
    stored: GenerationJob | None = None
    error: Exception | None = None


class IntakeWriter(GroupWriter[Pending]):
    def __init__(self) -> None:
        super().__init__(name="job-intake", gather_s=GATHER_S, most_at_once=_BATCH)

    def forget(self) -> None:
        super().forget()
        self._failures = 0

    async def insert(self, job: GenerationJob) -> GenerationJob:
        """The row, durable: that of the job, or the one that its idempotency key had made before.

        Raises django.db.Error; an OperationalError leaves open whether the job was, or still will be, stored.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise OperationalError("Too many jobs wait to be stored.")
        loop = asyncio.get_running_loop()
        pending = Pending(job, loop, loop.create_future())
        self._add(pending)
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                await pending.done
        except TimeoutError:
            raise OperationalError("The database does not answer.") from None
        assert pending.stored is not None
        return pending.stored

    def _store(self, rows: Sequence[Pending]) -> None:
        insert(rows)

    def _on_written(self, rows: Sequence[Pending], refusal: Exception | None) -> None:
        self._failures = 0
        for pending in rows:
            pending.error = refusal
        if new := sum(pending.stored is pending.job for pending in rows):
            dispatch.jobs_queued(new)
        _tell(rows)

    def _on_failure(self, error: Exception) -> float:
        self._failures += 1
        if self._failures > 1:  # a connection that lay idle may have been closed from the other side
            log.error("jobs_wait_for_database", waiting=len(self._waiting), error=str(error))
        is_known = isinstance(error, Error)
        _tell(self._give_up(error, patience_s=PATIENCE_S if is_known else 0))
        return _PAUSES_S[min(self._failures, len(_PAUSES_S)) - 1]

    def _may_end(self) -> bool:
        return self._failures > 0

    def _give_up(self, error: Exception, *, patience_s: float) -> list[Pending]:
        """Those who have waited for so long."""
        given_up = []
        with self._has_settled:
            while self._waiting and time.monotonic() - self._waiting[0].since >= patience_s:
                pending = self._settle_next()
                pending.error = error
                given_up.append(pending)
            self._has_settled.notify_all()
        return given_up


def insert(rows: Sequence[Pending]) -> None:
    """In one statement. What is there already, by id or idempotency key, is left out: it can be repeated."""
    inserted, parameters = sql.values(
        GenerationJob, _OF_EACH, [[getattr(row.job, name) for name in _OF_EACH] for row in rows]
    )
    same, defaults = sql.values(GenerationJob, _OF_ALL, [_DEFAULTS])
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(same=same[1:-1], rows=inserted), [*defaults, *parameters])
    before = _by_idempotency_key([row.job for row in rows if row.job.idempotency_key is not None])
    for row in rows:
        found = before.get((row.job.key_id, row.job.idempotency_key))
        row.stored = row.job if found is None or found.pk == row.job.pk else found


def _by_idempotency_key(jobs: Sequence[GenerationJob]) -> dict[tuple[int, str | None], GenerationJob]:
    if not jobs:
        return {}
    found = GenerationJob.objects.filter(
        key__in={job.key_id for job in jobs}, idempotency_key__in={job.idempotency_key for job in jobs}
    )
    return {(job.key_id, job.idempotency_key): job for job in found}


_OF_EACH = (
    "id", "key_id", "generator", "priority", "request", "metadata", "idempotency_key", "request_digest",
    "created_at", "deadline_at", "rerun_of",
)  # fmt: skip
_FIELDS = [field for field in GenerationJob._meta.concrete_fields if field.column not in _OF_EACH]
_OF_ALL = [str(field.column) for field in _FIELDS]
_DEFAULTS = [field.get_default() for field in _FIELDS]
# SQLite takes the ON of the conflict for that of a join unless a WHERE stands between.
_INSERT = f"""
INSERT INTO generation_generationjob ({", ".join([*_OF_ALL, *_OF_EACH])})
SELECT {{same}}, new.* FROM (VALUES {{rows}}) AS new WHERE true
ON CONFLICT DO NOTHING
"""  # noqa: S608  (constants)


def _tell(rows: Sequence[Pending]) -> None:
    """One call for each event loop."""
    of_loops = defaultdict(list)
    for pending in rows:
        of_loops[pending.loop].append(pending)
    for loop, its_rows in of_loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, its_rows)


def _resolve(rows: Sequence[Pending]) -> None:
    for pending in rows:
        if pending.done.done():  # its client has gone
            continue
        if pending.error is None:
            pending.done.set_result(None)
        else:
            pending.done.set_exception(pending.error)


_of_process = IntakeWriter()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_of_process.forget)
atexit.register(_of_process.stop, timeout_s=EXIT_PATIENCE_S)


async def accept(job: GenerationJob) -> GenerationJob:
    """As IntakeWriter.insert."""
    return await _of_process.insert(job)


def stop() -> None:
    """Stores what waits and closes the connection, for when the process stops."""
    _of_process.stop(timeout_s=EXIT_PATIENCE_S)
