"""When a key was last used."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import timedelta

import structlog
from django.db import Error
from django.db.models import Q
from django.utils import timezone

from epochs.triggers import unwatched

from .models import ApiKey

log = structlog.get_logger(__name__)

INTERVAL_S = 60.0
MOST_REMEMBERED = 10_000


class UseNotes:
    """Which keys this process has noted within the last minute; a memory that may forget."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted_at: dict[int, float] = {}

    def is_due(self, key_id: int) -> bool:
        """Whether to call `note_uses` now; then no more for a minute."""
        now = self._clock()
        noted_at = self._noted_at.get(key_id)
        if noted_at is not None and now - noted_at < INTERVAL_S:
            return False
        if len(self._noted_at) >= MOST_REMEMBERED:
            self._noted_at.clear()
        self._noted_at[key_id] = now
        return True


def note_uses(key_ids: Collection[int]) -> None:
    """Writes at most once a minute, whatever the load: the condition also holds between processes."""
    now = timezone.now()
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - timedelta(seconds=INTERVAL_S))
    try:
        with unwatched():
            ApiKey.objects.filter(due, pk__in=key_ids).update(last_used_at=now)
    except Error:
        log.warning("api_key_use_not_noted", api_key_ids=sorted(key_ids), exc_info=True)
