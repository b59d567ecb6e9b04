"""The processes that are measured, and those that these need."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port

from .paths import PEER_ENVIRONMENT, RESULTS, ROOT

PEER_KEY = "sk-benchmark-master-key"
# LiteLLM's list for production (docs.litellm.ai/docs/proxy/prod, read 2026-11): one worker, errors alone are
# logged. It has no database, so unlike Changeover it keeps no usage records: the lighter load.
_PEER_CONFIGURATION = {
    "general_settings": {"master_key": PEER_KEY, "disable_error_logs": True},
    "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True, "num_retries": 0},
}
_PEER_ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    # Nothing of the measuring may hang on the internet.
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    "NO_DOCS": "True",
}


@dataclass(frozen=True, slots=True)
class Service:
    """What can be asked on `port` of the loopback, with `key`; `pid` is the one process that answers."""

    name: str
    port: int
    pid: int
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def running_mock() -> Iterator[Service]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.mock_upstream", str(port)]
    with _running("mock", command, shell_environment()) as process:
        yield _ready(Service("mock", port, process.pid), process, "/requests")


@contextlib.contextmanager
def running_forwarder(upstream: Service) -> Iterator[Service]:
    port = free_port()
    command = [
        *(_peer_program("python"), "-m", "uvicorn", "benchmarks.forwarder:application"),
        *("--port", str(port), "--loop", "uvloop", "--http", "httptools", "--lifespan", "on"),
        *("--no-access-log", "--log-level", "warning"),
    ]
    with _running("forwarder", command, shell_environment() | {"UPSTREAM_URL": upstream.url}) as process:
        yield _ready(Service("forwarder", port, process.pid), process, "/")


@contextlib.contextmanager
def running_peer(upstream: Service) -> Iterator[Service]:
    """LiteLLM's proxy, which has `default` as the one model."""
    port = free_port()
    configuration = RESULTS / "litellm.json"  # JSON is YAML too
    configuration.write_text(json.dumps(_PEER_CONFIGURATION | {"model_list": [_peer_model(upstream)]}))
    command = [
        *(_peer_program("litellm"), "--config", str(configuration)),
        *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
    ]
    with _running("litellm", command, shell_environment() | _PEER_ENVIRONMENT) as process:
        service = Service("litellm", port, process.pid, PEER_KEY)
        yield _ready(service, process, "/health/liveliness", timeout_s=120)


def _peer_model(upstream: Service) -> dict[str, object]:
    parameters = {"model": "openai/mock", "api_base": f"{upstream.url}/v1", "api_key": "none"}
    return {"model_name": "default", "litellm_params": parameters}


def _peer_program(name: str) -> str:
    program = PEER_ENVIRONMENT / "bin" / name
    if not program.exists():
        raise SystemExit(
            f"There is no {program.relative_to(ROOT)}: `make bench` makes the peer's environment."
        )
    return str(program)


@contextlib.contextmanager
def _running(
    name: str, command: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with log_of(name).open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def shell_environment() -> dict[str, str]:
    """What every process gets of the shell's variables. Nothing else: neither a DATABASE_URL nor what keeps
    Python from storing compiled modules may change what is measured."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}


def log_of(name: str) -> Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    return RESULTS / f"{name}.log"


def _ready(
    service: Service, process: subprocess.Popen[bytes], path: str, *, timeout_s: float = 20
) -> Service:
    """The service, once it answers HTTP at all."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(service.url + path, timeout=5).close()
            return service
        except urllib.error.HTTPError:
            return service
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{service.name} did not start; it said: {log_of(service.name).read_text()[-2000:]}")


def requests_of(mock: Service) -> int:
    """How often the mock upstream was asked so far."""
    with urllib.request.urlopen(f"{mock.url}/requests", timeout=5) as answer:
        return int(json.load(answer)["requests"])
