"""`manage.py worker` as a real process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.generation.jobs import wait_until
from tests.processes import MANAGE, ROOT


class WorkerProcess:
    """Its log goes to a file: a pipe that nobody reads would stop it when full."""

    def __init__(self, environment: Mapping[str, str], log_file: Path, *arguments: str) -> None:
        self.log_file = log_file
        with log_file.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, MANAGE, "worker", *arguments],
                env=dict(environment),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for_log(self, text: str, *, timeout_s: float = 30) -> None:
        def is_logged() -> bool:
            assert self.process.poll() is None or text in self.log, self.log
            return text in self.log

        wait_until(is_logged, timeout_s=timeout_s)

    def end(self, signal_number: int, *, timeout_s: float = 30) -> int:
        """The exit status after this signal."""
        self.process.send_signal(signal_number)
        return self.process.wait(timeout_s)


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
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()
