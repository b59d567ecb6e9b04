"""`manage.py serve` and `manage.py worker` as real processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
MANAGE = str(ROOT / "manage.py")


@contextlib.contextmanager
def running_server(environment: Mapping[str, str], *arguments: str) -> Iterator[ServerProcess]:
    """`manage.py serve` on a free loopback port, ready to answer; killed at the end if it still runs."""
    server = ServerProcess(environment, *arguments)
    try:
        server.wait_until_live()
        yield server
    finally:
        server.kill()


class ServerProcess:
    def __init__(self, environment: Mapping[str, str], *arguments: str) -> None:
        port = servers.free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self.process = start("serve", "--port", str(port), *arguments, environment=environment)

    def wait_until_live(self, *, timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()[0]
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.base_url}/livez", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"The server did not answer within {timeout_s} s.")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def start(*command: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A `manage.py` command; what it prints and logs comes from its stdout."""
    return subprocess.Popen(
        [sys.executable, MANAGE, *command],
        env=dict(environment),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def manage(*command: str, environment: Mapping[str, str]) -> str:
    """Runs a `manage.py` command to its end; returns what it printed."""
    result = subprocess.run(
        [sys.executable, MANAGE, *command], env=dict(environment), cwd=ROOT, text=True, capture_output=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
