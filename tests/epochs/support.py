"""Looking at epochs, and changing things beside each other."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, connections
from django.utils import timezone

from epochs.models import Epoch, Process, Role
from epochs.subjects import Subject


def number_of(subject: Subject) -> int:
    return Epoch.objects.get(subject=subject).number


def moves(subject: Subject, change: Callable[[], object]) -> bool:
    """Whether the change moves the epoch; forward, if at all."""
    before = number_of(subject)
    change()
    after = number_of(subject)
    assert after >= before
    return after > before


@contextmanager
def running_beside(work: Callable[[threading.Event], None], *, threads: int) -> Iterator[None]:
    """`work(stop)` in threads of their own for the time of the block; raises what one of them raises."""
    stop = threading.Event()

    def run() -> None:
        try:
            work(stop)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as executor:
        running = [executor.submit(run) for _ in range(threads)]
        try:
            yield
        finally:
            stop.set()
        for each in running:
            each.result(timeout=30)


def stored(seen_s_ago: float = 0, **values: Any) -> Process:
    """A row that another process has reported."""
    now = timezone.now()
    defaults = {
        "id": uuid.uuid4(),
        "role": Role.WORKER,
        "host": "elsewhere",
        "pid": 1,
        "version": "1",
        "configs_epoch": number_of(Subject.CONFIGS),
        "keys_epoch": number_of(Subject.KEYS),
        "started_at": now,
        "seen_at": now - timedelta(seconds=seen_s_ago),
    }
    return Process.objects.create(**(defaults | values))


def execute(sql: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
