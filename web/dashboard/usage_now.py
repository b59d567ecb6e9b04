"""The last day's usage, read so that any number of open start pages costs little.

Only the latest hours can still change (a record is written when its request has ended), so the others are
kept, and read again once in a while: records wait in memory while the database is down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from usage.recent import HourSums, hourly_sums, whole_hour

HOURS = 24
FRESH_S = 5.0
_OPEN_HOURS = 3
_REREAD_ALL_S = 900.0


class UsageNow:
    """Threads may share it: one reads, the others wait for what it finds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._hours: list[HourSums] = []
        self._read_at = self._all_read_at = float("-inf")

    def hours(self, now: datetime) -> list[HourSums]:
        """The hour of `now` and those before it, oldest first; as it was at most FRESH_S ago."""
        with self._lock:
            if self._clock() - self._read_at >= FRESH_S or not self._is_of(now):
                self._read(now)
            return self._hours

    def _is_of(self, now: datetime) -> bool:
        return bool(self._hours) and self._hours[-1].began == whole_hour(now)

    def _read(self, now: datetime) -> None:
        at = self._clock()
        kept = [] if at - self._all_read_at >= _REREAD_ALL_S else self._hours
        latest = hourly_sums(now, hours=_OPEN_HOURS if kept else HOURS)
        if kept and kept[-1].began < latest[0].began:  # nobody looked for hours
            kept, latest = [], hourly_sums(now, hours=HOURS)
        self._hours = [*(hour for hour in kept if hour.began < latest[0].began), *latest][-HOURS:]
        self._read_at = at
        if not kept:
            self._all_read_at = at


usage_now = UsageNow()
