"""How long to pause before usage records are offered to the database again, and what the log says of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_PAUSES_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)


class BackOff:
    """From the first failure to the next success. The first is not worth a line: a connection that lay idle
    may have been closed from the other side."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._began_at = 0.0

    @property
    def is_on(self) -> bool:
        return self._failures > 0

    def note(self, error: Exception, *, waiting: int) -> float:
        """How long to pause before the next try, in seconds."""
        self._failures += 1
        if self._failures == 1:
            self._began_at = self._clock()
        if self._failures == 2:
            log.error("usage_waits_for_database", entries=waiting, exc_info=error)
        return _PAUSES_S[min(self._failures, len(_PAUSES_S)) - 1]

    def end(self, *, waiting: int) -> None:
        if self._failures > 1:
            after_s = round(self._clock() - self._began_at, 1)
            log.warning("usage_is_stored_again", after_s=after_s, entries=waiting)
        self._failures = 0
