"""A runner in the process of the test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from generation.running.runner import JobRunner


@contextlib.contextmanager
def running(*, concurrency: int = 4) -> Iterator[JobRunner]:
    job_runner = JobRunner(concurrency=concurrency)
    job_runner.start()
    try:
        yield job_runner
    finally:
        job_runner.stop(timeout_s=0)
        assert not job_runner._thread.is_alive()
