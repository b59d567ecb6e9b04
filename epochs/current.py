"""The epochs as they are now: read once before each use of what is cached by them.

    epochs = await current()

Whatever was committed before the call is in the numbers. So what a process keeps in memory together with the
number under which it was read is never stale: it is used only while `current()` gives the same number. Read
the number first and the data after it: then the data may be newer than their number, never older.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.db import Error

from . import outside_pool
from .connection import KeptConnection
from .errors import EpochsUnknown
from .reading import CoalescedReader
from .subjects import Subject

log = structlog.get_logger(__name__)

PATIENCE_S = 5.0
PATIENCE_IN_OUTAGE_S = 0.1
OUTAGE_REMINDER_S = 60.0


@dataclass(frozen=True, slots=True)
class Epochs:
    """The number of each subject, 0 if it never changed. `is_stale`: the database cannot be read, and these
    are the last that were."""

    configs: int
    keys: int
    generators: int = 0
    is_stale: bool = False


class EpochReader:
    """Reads for all event loops of a process.

    While the database cannot be read, the last known epochs go on for settings.EPOCH_GRACE_S since they were
    read. Each call still asks anew, so the first read that succeeds ends the outage; but while reads hang, it
    waits no longer than PATIENCE_IN_OUTAGE_S. (A refusal is quick by itself.)
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._connection = KeptConnection()
        self._reader = CoalescedReader(self._read, name="epochs", patience_s=self._patience_s)
        self._outage = _Outage()
        self._hangs = False
        self._last: Epochs | None = None
        self._read_at = 0.0

    async def current(self) -> Epochs:
        """Raises EpochsUnknown if the database cannot be read and the grace is over."""
        try:
            return await self._reader.get()
        except (Error, TimeoutError) as error:
            return self._last_known(error)

    def close(self) -> None:
        """Closes the connection; the next read opens another."""
        self._connection.close()

    def _read(self) -> Epochs:
        began_at = self._clock()
        numbers = self._connection.read()
        configs, keys, generators = (numbers.get(subject, 0) for subject in Subject)
        epochs = Epochs(configs, keys, generators)
        self._last, self._read_at = epochs, began_at
        self._hangs = False
        self._outage.end(self._clock())
        return epochs

    def _patience_s(self) -> float:
        return PATIENCE_IN_OUTAGE_S if self._hangs else PATIENCE_S

    def _last_known(self, error: Exception) -> Epochs:
        now = self._clock()
        self._hangs = isinstance(error, TimeoutError)
        grace_s = self._read_at + settings.EPOCH_GRACE_S - now
        self._outage.note(error, now, grace_s=grace_s if self._last else 0)
        if self._last is None or grace_s <= 0:
            raise EpochsUnknown from error
        return replace(self._last, is_stale=True)


class _Outage:
    """Says in the log when the database is away, once a minute that it still is, and when it is back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._said_at = 0.0

    @property
    def is_on(self) -> bool:
        return self._began_at is not None

    def note(self, error: Exception, now: float, *, grace_s: float) -> None:
        with self._lock:
            if self._began_at is not None and now - self._said_at < OUTAGE_REMINDER_S:
                return
            self._began_at = now if self._began_at is None else self._began_at
            self._said_at = now
            since_s = now - self._began_at
        log.error(
            "database_unreachable",
            error=str(error),
            since_s=round(since_s, 1),
            last_known_serves_for_s=max(0, round(grace_s, 1)),
        )

    def end(self, now: float) -> None:
        if self._began_at is None:
            return
        with self._lock:
            began_at, self._began_at = self._began_at, None
        if began_at is not None:
            log.info("database_reachable_again", after_s=round(now - began_at, 1))


_of_process = EpochReader()


async def current() -> Epochs:
    """The epochs, by a read that began after the call. Raises EpochsUnknown (see EpochReader)."""
    return await _of_process.current()


def close() -> None:
    """Closes the connections that this process keeps for reading epochs and what is cached by them; the next
    read opens another."""
    _of_process.close()
    outside_pool.close_all()
