"""What Celery alone does on the same broker, configured as our workers are: tasks that do nothing.

python -m benchmarks.empty_tasks publish|work <count>     `work` prints how many it did in a second
"""

from __future__ import annotations

import os
import sys
import threading
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django

django.setup(set_prefix=False)

from config.celery import _Worker, app  # noqa: E402
from config.tuning import tune  # noqa: E402


class Counter:
    """Tells the rate from the first to the last of the tasks."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._count = count
        self._done = 0
        self._began_at = 0.0

    def add(self) -> None:
        with self._lock:
            self._done += 1
            if self._done == 1:
                self._began_at = time.perf_counter()
            if self._done == self._count:
                rate = (self._count - 1) / (time.perf_counter() - self._began_at)
                print(rate, flush=True)
                os._exit(0)


counter = Counter(int(sys.argv[2]))


@app.task(name="benchmarks.empty")  # type: ignore[untyped-decorator]
def empty() -> None:
    counter.add()


def main(what: str, count: int) -> None:
    if what == "publish":
        with app.producer_pool.acquire() as producer:
            for _ in range(count):
                empty.apply_async(producer=producer)
        return
    tune()
    concurrency = int(os.environ["CONCURRENCY"])
    _Worker(pool="threads", concurrency=concurrency, quiet=True, without_gossip=True, without_mingle=True,
            without_heartbeat=True).start()  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
