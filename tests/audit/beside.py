"""Working at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

THREADS = 8


def beside(work: Callable[[int], None]) -> None:
    """`work(number)` in THREADS threads. Raises what one of them raises."""

    def run(number: int) -> None:
        try:
            work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(run, range(THREADS)))
