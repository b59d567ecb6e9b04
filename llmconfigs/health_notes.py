"""Keeping for the administrator what was last seen of each configuration's service.

Whoever tests a service notes it at once. A process that answers requests notes it on the side: in a thread
with a connection of its own, at most every settings.HEALTH_NOTE_INTERVAL_S and when it changes. No request
waits for that, or fails with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import Error
from django.utils import timezone

from epochs.outside_pool import OwnConnection

from .models import HealthNote
from .probing import Probe

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """`config_id` None is the environment; `detail` is English, for staff."""

    config_id: int | None
    is_healthy: bool
    detail: str
    took_s: float | None = None


def health_from(config_id: int | None, probe: Probe) -> Health:
    if probe.failure is not None:
        return Health(config_id, False, probe.failure.message)
    return Health(config_id, True, probe.detail, probe.check_s)


def note(health: Health) -> None:
    """Writes it now. Raises django.db.Error."""
    row = HealthNote(
        config_id=HealthNote.ENVIRONMENT if health.config_id is None else health.config_id,
        is_healthy=health.is_healthy,
        checked_at=timezone.now(),
        took_s=health.took_s,
        detail=health.detail,
    )
    HealthNote.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["config_id"],
        update_fields=["is_healthy", "checked_at", "took_s", "detail"],
    )


class HealthNoter:
    """May be called from any thread and on any event loop: it only remembers, and wakes its own thread."""

    def __init__(
        self, write: Callable[[Health], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._noted: dict[int | None, tuple[bool, float]] = {}
        self._waiting: dict[int | None, Health] = {}
        self._thread: threading.Thread | None = None

    def note_later(self, health: Health) -> None:
        """No-op if settings.HEALTH_NOTE_INTERVAL_S is 0."""
        if settings.HEALTH_NOTE_INTERVAL_S <= 0:
            return
        with self._lock:
            if not self._is_due(health):
                return
            self._noted[health.config_id] = health.is_healthy, self._clock()
            self._waiting[health.config_id] = health
            if self._thread is None:
                self._thread = threading.Thread(target=self._main, name="health-noter", daemon=True)
                self._thread.start()
        self._wake.set()

    def _is_due(self, health: Health) -> bool:
        noted = self._noted.get(health.config_id)
        if noted is None or noted[0] != health.is_healthy:
            return True
        return self._clock() - noted[1] >= settings.HEALTH_NOTE_INTERVAL_S

    def _main(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            for health in waiting.values():
                self._try_to_write(health)

    def _try_to_write(self, health: Health) -> None:
        try:
            self._write(health)
        except Error as error:
            log.warning("health_not_noted", config_id=health.config_id, error=str(error))
        except Exception:
            log.exception("health_note_failed", config_id=health.config_id)


def _note_over_own_connection(health: Health) -> None:
    with _connection.in_use():
        note(health)


_connection = OwnConnection()
_of_process = HealthNoter(_note_over_own_connection)
note_later = _of_process.note_later
