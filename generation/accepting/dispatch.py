"""Telling the workers that a job is waiting. Only a hint: they look by themselves every second or so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings

from ..running import runner

log = structlog.get_logger(__name__)

_GATHER_S = 0.02
_MOST_AT_ONCE = 4
_PAUSE_S = 5.0


def jobs_queued(count: int = 1) -> None:
    """Called when so many jobs are committed. Never waits for the broker and never fails."""
    runner.wake_here()
    if settings.REDIS_URL:
        _publisher.publish_soon(count)


class Publisher:
    """Publishes in one background thread, so that a broker that is down or frozen delays nobody.

    Each wake-up lets a worker take as many jobs as it has room for, so many jobs that come together need but
    a few, for several workers. After a failure it pauses: by then the workers have found the jobs by
    themselves.
    """

    def __init__(self, publish: Callable[[], None], *, pause_s: float = _PAUSE_S) -> None:
        self._publish = publish
        self._pause_s = pause_s
        self._waiting = 0
        self._is_wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_failing = False

    def publish_soon(self, jobs: int = 1) -> None:
        with self._lock:
            self._waiting += jobs
        if self._thread is None or not self._thread.is_alive():
            self._start()
        if not self._is_wanted.is_set():
            self._is_wanted.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="wake-ups", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            self._is_wanted.wait()
            wake_ups = self._take()
            try:
                for _ in range(wake_ups):
                    self._publish()
            except Exception as error:
                self._report_failure(error)
                time.sleep(self._pause_s)
                self._take()
            else:
                self._report_success()
                time.sleep(_GATHER_S * wake_ups)

    def _take(self) -> int:
        """How many wake-ups to publish for the jobs that have come."""
        self._is_wanted.clear()
        with self._lock:
            waiting, self._waiting = self._waiting, 0
        return min(waiting, _MOST_AT_ONCE)

    def _report_failure(self, error: Exception) -> None:
        if not self._is_failing:
            log.error("broker_unreachable", error=str(error), consequence="workers find jobs by polling")
        self._is_failing = True

    def _report_success(self) -> None:
        if self._is_failing:
            log.info("broker_reachable_again")
        self._is_failing = False


def _publish_by_celery() -> None:
    from ..tasks import publish_wake_up  # an installation without a broker never loads Celery

    publish_wake_up()


_publisher = Publisher(_publish_by_celery)
