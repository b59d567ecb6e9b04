"""Usage records on their way to the database: gathered for a moment, then written in one transaction.

    writer.record(entry)

Who records waits for nothing. A thread with a connection of its own writes what has come in, so a record is
in the database within 50 ms. While the database is down the entries wait here; a commit whose confirmation
was lost is written again, so after a crash of the database a batch may be there twice.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice

import structlog
from django.db import DataError, IntegrityError, connections

from apikeys.noting import UseNotes, note_uses
from epochs.outside_pool import use_own_connection

from .backoff import BackOff
from .entries import UsageEntry
from .records import store

log = structlog.get_logger(__name__)

GATHER_S = 0.02
MOST_WAITING = 100_000
EXIT_PATIENCE_S = 5.0
_BATCH = 5_000
_JOIN_S = 1.0
_REFUSALS = (DataError, IntegrityError, TypeError, ValueError, OverflowError)
"""The entry is at fault, not the database. (An IntegrityError: its key is gone.)"""


class UsageWriter:
    """All methods may be called from any thread.

    Entries are numbered as they come. `_settled` is the number of the first one that waits: all before it are
    stored, refused or dropped, which is logged. An entry stays in `_waiting` until it is settled.
    """

    def __init__(self, *, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self.forget()

    def forget(self) -> None:
        """Begins anew, as in a process just forked: what waits is the parent's, and so is the thread."""
        self._lock = threading.Lock()
        self._has_settled = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._waiting: deque[UsageEntry] = deque()
        self._recorded = self._settled = self._dropped = 0
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._back_off = BackOff()
        self._use_notes = UseNotes()

    def record(self, entry: UsageEntry) -> None:
        """Returns at once."""
        with self._lock:
            self._waiting.append(entry)
            self._recorded += 1
            if len(self._waiting) > self._most_waiting:
                self._drop_oldest()
            if self._thread is None:
                self._start()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, *, timeout_s: float) -> bool:
        """Waits until all that was recorded before is stored. False: it was not in that time."""
        with self._has_settled:
            target = self._recorded
            if self._settled >= target:
                return True
            if self._thread is None:
                self._start()
            self._hurry.set()
            self._wake.set()
            return self._has_settled.wait_for(lambda: self._settled >= target, timeout_s)

    def stop(self, *, timeout_s: float) -> None:
        """Stores what waits and ends the thread, with its connection; a later entry starts another."""
        if not self.flush(timeout_s=timeout_s):
            log.error("usage_not_stored", entries=len(self._waiting), because="the process stops")
        with self._lock:
            thread, self._is_stopping = self._thread, True
        self._hurry.set()
        self._wake.set()
        if thread is not None:
            thread.join(_JOIN_S)

    def _start(self) -> None:
        self._is_stopping = False
        self._thread = threading.Thread(target=self._main, name="usage-writer", daemon=True)
        self._thread.start()

    def _drop_oldest(self) -> None:
        self._waiting.popleft()
        self._settled += 1
        self._dropped += 1

    def _main(self) -> None:
        try:
            use_own_connection()
            while self._goes_on():
                self._wait_for_entries()
                self._write_all()
        except BaseException:
            log.critical("usage_writer_died", exc_info=True)  # the next entry starts another
        finally:
            connections.close_all()
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _goes_on(self) -> bool:
        with self._lock:
            if self._is_stopping and (not self._waiting or self._back_off.is_on):
                self._thread = None  # here, so that an entry that comes from now on starts another
                return False
            return True

    def _wait_for_entries(self) -> None:
        self._wake.wait()
        self._pause(GATHER_S)
        self._wake.clear()

    def _pause(self, seconds: float) -> None:
        self._hurry.wait(seconds)
        self._hurry.clear()

    def _write_all(self) -> None:
        while batch := self._next_batch():
            try:
                self._write(*batch)
            except Exception as error:
                use_own_connection()
                pause_s = self._back_off.note(error, waiting=len(self._waiting))
                if self._is_stopping:
                    return
                self._pause(pause_s)
            self._report_dropped()

    def _next_batch(self) -> tuple[int, list[UsageEntry]] | None:
        """With the number of its first entry."""
        with self._lock:
            if not self._waiting:
                return None
            return self._settled, list(islice(self._waiting, _BATCH))

    def _write(self, number: int, batch: Sequence[UsageEntry]) -> None:
        """In order, so that where it ends early, what is settled is not written again."""
        try:
            store(batch)
        except _REFUSALS as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._write(number, batch[:middle])
                self._write(number + middle, batch[middle:])
                return
            log.exception("usage_entry_refused", entry=batch[0], error=str(error))
        self._back_off.end(waiting=len(self._waiting))
        try:
            self._note_uses(batch)
        finally:
            self._settle(number + len(batch))

    def _note_uses(self, batch: Sequence[UsageEntry]) -> None:
        used = {entry.api_key_id for entry in batch if entry.api_key_id is not None}
        due = [key_id for key_id in used if self._use_notes.is_due(key_id)]
        if due:
            note_uses(due)

    def _settle(self, number: int) -> None:
        """All entries before this number."""
        with self._has_settled:
            while self._settled < number:
                self._waiting.popleft()
                self._settled += 1
            self._has_settled.notify_all()

    def _report_dropped(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            log.error(
                "usage_entries_dropped", entries=dropped, because=f"{self._most_waiting} waited already"
            )


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
