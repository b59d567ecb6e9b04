"""Usage records on their way to the database: gathered for a moment, then written in one transaction.

    writer.record(entry)

Who records waits for nothing. A thread with a connection of its own writes what has come in, so a record is
in the database within 50 ms. While the database is down the entries wait here; a commit whose confirmation
was lost is written again, so after a crash of the database a batch may be there twice.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence

import structlog

from apikeys.noting import UseNotes, note_uses
from groupcommit.writer import GroupWriter

from .backoff import BackOff
from .entries import UsageEntry
from .records import store

log = structlog.get_logger(__name__)

GATHER_S = 0.02
MOST_WAITING = 100_000
EXIT_PATIENCE_S = 5.0
_BATCH = 5_000


class UsageWriter(GroupWriter[UsageEntry]):
    def __init__(self, *, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        super().__init__(name="usage-writer", gather_s=GATHER_S, most_at_once=_BATCH)

    def forget(self) -> None:
        super().forget()
        self._dropped = 0
        self._back_off = BackOff()
        self._use_notes = UseNotes()

    def record(self, entry: UsageEntry) -> None:
        """Returns at once."""
        self._add(entry)

    def _store(self, rows: Sequence[UsageEntry]) -> None:
        store(rows)

    def _on_written(self, rows: Sequence[UsageEntry], refusal: Exception | None) -> None:
        if refusal is not None:  # an IntegrityError: its key is gone
            log.error("usage_entry_refused", entry=rows[0], error=str(refusal), exc_info=refusal)
        self._back_off.end(waiting=len(self._waiting))
        used = {entry.api_key_id for entry in rows if entry.api_key_id is not None}
        due = [key_id for key_id in used if self._use_notes.is_due(key_id)]
        if due:
            note_uses(due)

    def _on_failure(self, error: Exception) -> float:
        return self._back_off.note(error, waiting=len(self._waiting))

    def _make_room(self) -> None:
        if len(self._waiting) > self._most_waiting:
            self._settle_next()
            self._dropped += 1

    def _after_round(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            log.error(
                "usage_entries_dropped", entries=dropped, because=f"{self._most_waiting} waited already"
            )

    def _may_end(self) -> bool:
        return self._back_off.is_on

    def _report_unwritten(self, waiting: int) -> None:
        log.error("usage_not_stored", entries=waiting, because="the process stops")


_of_process = UsageWriter()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_of_process.forget)
atexit.register(_of_process.stop, timeout_s=EXIT_PATIENCE_S)


def record(entry: UsageEntry) -> None:
    """Returns at once; the entry is in the database within 50 ms."""
    _of_process.record(entry)


def flush(timeout_s: float) -> bool:
    """Waits until all that was recorded before is stored. False: it was not in that time."""
    return _of_process.flush(timeout_s=timeout_s)


def stop(timeout_s: float) -> None:
    """Stores what waits and closes the connection, for when the process stops. Takes little more time."""
    _of_process.stop(timeout_s=timeout_s)
