"""`manage.py worker` as a real process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.processes import ManageProcess
from tests.waiting import wait_until


class WorkerProcess(ManageProcess):
    def __init__(self, environment: Mapping[str, str], log_file: Path, *arguments: str) -> None:
        super().__init__("worker", *arguments, environment=environment, log_file=log_file)

    def wait_for_log(self, text: str, *, timeout_s: float = 30) -> None:
        def is_logged() -> bool:
            assert self.process.poll() is None or text in self.log, self.log
            return text in self.log

        wait_until(is_logged, timeout_s=timeout_s)


@contextlib.contextmanager
def running_worker(
    environment: Mapping[str, str], log_file: Path, *arguments: str
) -> Iterator[WorkerProcess]:
    """A worker that may take jobs; killed at the end if it still runs."""
    worker = WorkerProcess(environment, log_file, *arguments)
    try:
        worker.wait_for_log("runner_started")
        yield worker
    finally:
        worker.kill()
