"""`manage.py serve` and `manage.py worker` as real processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
MANAGE = str(ROOT / "manage.py")


class ManageProcess:
    """A `manage.py` command that runs on. What it prints and logs goes to a file: a pipe that nobody reads
    would stop it when full.

    program: in the place of `manage.py`.
    """

    def __init__(
        self,
        *command: str,
        environment: Mapping[str, str],
        log_file: Path,
        program: Sequence[str] = (MANAGE,),
    ) -> None:
        self.log_file = log_file
        with log_file.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, *command],
                env=dict(environment),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def end(self, signal_number: int, *, timeout_s: float = 30) -> int:
        """The exit status after this signal."""
        self.process.send_signal(signal_number)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running_server(environment: Mapping[str, str], *arguments: str) -> Iterator[ServerProcess]:
    """`manage.py serve` on a free loopback port, ready to answer; killed at the end if it still runs."""
    with tempfile.TemporaryDirectory(prefix="changeover-serve-") as folder:
        server = ServerProcess(environment, Path(folder) / "log", *arguments)
        try:
            server.wait_until_live()
            yield server
        finally:
            server.kill()


class ServerProcess(ManageProcess):
    def __init__(
        self,
        environment: Mapping[str, str],
        log_file: Path,
        *arguments: str,
        program: Sequence[str] = (MANAGE,),
    ) -> None:
        port = servers.free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        command = ("serve", "--port", str(port), *arguments)
        super().__init__(*command, environment=environment, log_file=log_file, program=program)

    def wait_until_live(self, *, timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.base_url}/livez", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"The server did not answer within {timeout_s} s: {self.log}")


def manage(*command: str, environment: Mapping[str, str]) -> str:
    """Runs a `manage.py` command to its end; returns what it printed."""
    result = subprocess.run(
        [sys.executable, MANAGE, *command], env=dict(environment), cwd=ROOT, text=True, capture_output=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
