"""Several calls at the same moment, each as if from a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def run_at_once(calls: list[Callable[[], object]]) -> None:
    """Each call in a thread with a database connection of its own; raises what one of them raises."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        connection.ensure_connection()
        barrier.wait(timeout=10)
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as executor:
        list(executor.map(run, calls))


def outcomes_at_once(calls: list[Callable[[], object]]) -> list[object]:
    """What each call returned or raised."""
    outcomes: list[object] = [None] * len(calls)

    def keep(index: int, call: Callable[[], object]) -> None:
        try:
            outcomes[index] = call()
        except Exception as error:
            outcomes[index] = error

    run_at_once([lambda index=index, call=call: keep(index, call) for index, call in enumerate(calls)])
    return outcomes
