"""Rows of many callers, written together: gathered for a moment, then stored in one transaction.

A thread with a connection of its own does the writing. It starts with the first row and ends with `stop()`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Generic, TypeVar

import structlog
from django.db import DataError, IntegrityError, connections

from epochs.outside_pool import use_own_connection

T = TypeVar("T")
log = structlog.get_logger(__name__)

_JOIN_S = 1.0
_REFUSALS = (DataError, IntegrityError, TypeError, ValueError, OverflowError)
"""The row is at fault, not the database."""


class GroupWriter(ABC, Generic[T]):
    """All methods may be called from any thread; the hooks are called in the writer's own.

    Rows are numbered as they come. `_settled` is the number of the first one that waits: all before it are
    written or given up. A row stays in `_waiting` until it is settled, so a commit whose confirmation was
    lost is tried again.
    """

    def __init__(self, *, name: str, gather_s: float, most_at_once: int) -> None:
        self._name = name
        self._gather_s = gather_s
        self._most_at_once = most_at_once
        self.forget()

    def forget(self) -> None:
        """Begins anew, as in a process just forked: what waits is the parent's, and so is the thread."""
        self._lock = threading.Lock()
        self._has_settled = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._waiting: deque[T] = deque()
        self._added = self._settled = 0
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    def flush(self, *, timeout_s: float) -> bool:
        """Waits until all that was added before is settled. False: it was not in that time."""
        with self._has_settled:
            target = self._added
            if self._settled >= target:
                return True
            if self._thread is None:
                self._start()
            self._hurry.set()
            self._wake.set()
            return self._has_settled.wait_for(lambda: self._settled >= target, timeout_s)

    def stop(self, *, timeout_s: float) -> None:
        """Writes what waits and ends the thread, with its connection; a later row starts another."""
        if not self.flush(timeout_s=timeout_s):
            self._report_unwritten(len(self._waiting))
        with self._lock:
            thread, self._is_stopping = self._thread, True
        self._hurry.set()
        self._wake.set()
        if thread is not None:
            thread.join(_JOIN_S)

    @abstractmethod
    def _store(self, rows: Sequence[T]) -> None:
        """In one transaction. Raises django.db.Error, or what a row does that no database takes."""

    @abstractmethod
    def _on_written(self, rows: Sequence[T], refusal: Exception | None) -> None:
        """refusal: why the only row of `rows` was not stored, and never will be."""

    @abstractmethod
    def _on_failure(self, error: Exception) -> float:
        """How long to pause before the next try, in seconds."""

    def _make_room(self) -> None:
        """Called under the lock when a row was added."""

    def _after_round(self) -> None:
        """Called after each try."""

    def _may_end(self) -> bool:
        """Whether a writer that is to stop leaves what waits; called under the lock."""
        return False

    def _report_unwritten(self, waiting: int) -> None:
        log.error("rows_not_written", writer=self._name, rows=waiting, because="the process stops")

    def _add(self, row: T) -> None:
        """Returns at once."""
        with self._lock:
            self._waiting.append(row)
            self._added += 1
            self._make_room()
            if self._thread is None:
                self._start()
        if not self._wake.is_set():
            self._wake.set()

    def _settle_next(self) -> T:
        """Takes the oldest row out; call it under the lock."""
        self._settled += 1
        return self._waiting.popleft()

    def _start(self) -> None:
        self._is_stopping = False
        self._thread = threading.Thread(target=self._main, name=self._name, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        try:
            use_own_connection()
            while self._goes_on():
                self._wait_for_rows()
                self._write_all()
        except BaseException:
            died = f"{self._name.replace('-', '_')}_died"
            log.critical(died, exc_info=True)  # the next row starts another
        finally:
            connections.close_all()
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _goes_on(self) -> bool:
        with self._lock:
            if self._is_stopping and (not self._waiting or self._may_end()):
                self._thread = None  # here, so that a row that comes from now on starts another
                return False
            return True

    def _wait_for_rows(self) -> None:
        self._wake.wait()
        self._pause(self._gather_s)
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
                pause_s = self._on_failure(error)
                if self._is_stopping:
                    return
                self._pause(pause_s)
            self._after_round()

    def _next_batch(self) -> tuple[int, list[T]] | None:
        """With the number of its first row."""
        with self._lock:
            if not self._waiting:
                return None
            return self._settled, list(islice(self._waiting, self._most_at_once))

    def _write(self, number: int, batch: Sequence[T]) -> None:
        """In order, so that where it ends early, what is settled is not written again."""
        refusal = None
        try:
            self._store(batch)
        except _REFUSALS as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._write(number, batch[:middle])
                self._write(number + middle, batch[middle:])
                return
            refusal = error
        try:
            self._on_written(batch, refusal)
        finally:
            self._settle(number + len(batch))

    def _settle(self, number: int) -> None:
        """All rows before this number."""
        with self._has_settled:
            while self._settled < number:
                self._settle_next()
            self._has_settled.notify_all()
