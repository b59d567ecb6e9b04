"""Telling the workers that a job is waiting. Only a hint: they look by themselves every second or so."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings

from . import runner

log = structlog.get_logger(__name__)

_CAPACITY = 1000
_PAUSE_S = 5.0


def job_queued() -> None:
    """Called when the job is committed. Never waits for the broker and never fails."""
    runner.wake_here()
    if settings.REDIS_URL:
        _publisher.publish_soon()


class Publisher:
    """Publishes in one background thread, so that a broker that is down or frozen delays nobody.

    After a failure it drops what waits and pauses: by then the workers have found the jobs by themselves.
    """

    def __init__(self, publish: Callable[[], None], *, pause_s: float = _PAUSE_S) -> None:
        self._publish = publish
        self._pause_s = pause_s
        self._waiting: queue.Queue[None] = queue.Queue(_CAPACITY)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_failing = False

    def publish_soon(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="wake-ups", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            log.debug("wake_up_dropped", waiting=_CAPACITY)

    def _work(self) -> None:
        while True:
            self._waiting.get()
            try:
                self._publish()
            except Exception as error:
                self._report_failure(error)
                self._drop_waiting()
                time.sleep(self._pause_s)
            else:
                self._report_success()

    def _report_failure(self, error: Exception) -> None:
        if not self._is_failing:
            log.error("broker_unreachable", error=str(error), consequence="workers find jobs by polling")
        self._is_failing = True

    def _report_success(self) -> None:
        if self._is_failing:
            log.info("broker_reachable_again")
        self._is_failing = False

    def _drop_waiting(self) -> None:
        try:
            while True:
                self._waiting.get_nowait()
        except queue.Empty:
            pass


def _publish_by_celery() -> None:
    from .tasks import publish_wake_up  # an installation without a broker never loads Celery

    publish_wake_up()


_publisher = Publisher(_publish_by_celery)
