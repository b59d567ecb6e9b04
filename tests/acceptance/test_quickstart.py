"""`make demo`, without the part that makes the virtual environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.processes import MANAGE, ROOT, running_server

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("acceptance")]


@pytest.fixture
def installation(tmp_path: Path) -> dict[str, str]:
    """The environment that scripts/bootstrap.py prepares, with its data in a folder of its own."""
    return (
        os.environ
        | servers.isolated_environment(f"sqlite:///{tmp_path}/changeover.sqlite3")
        | {
            "CHANGEOVER_DATA_DIR": str(tmp_path),
            "LLM_PROVIDER": "local-llm",
            "LLM_MODEL_PATH": str(tmp_path / "models" / "toy.gguf"),
        }
    )


def quickstart(installation: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, MANAGE, "quickstart", "--once", *(arguments or ("--port", "0"))],
        env=installation,
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=100,
    )


def test_quickstart_answers_and_then_reuses_what_it_made(installation: dict[str, str]) -> None:
    first = quickstart(installation)
    second = quickstart(installation)

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    for shown_once in ("Made the toy model", "Admin user", "API key, shown this once"):
        assert shown_once in first.stdout
        assert shown_once not in second.stdout
    for run in (first, second):
        answer = run.stdout.partition("> Say a few words.\n")[2].splitlines()[0]
        assert len(answer.split()) >= 3
        assert "/admin/" in run.stdout


def test_quickstart_fails_if_no_answer_comes(installation: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"this is no model")

    result = quickstart(installation | {"LLM_MODEL_PATH": str(broken), "GENERATION_DEADLINE_S": "2"})

    assert result.returncode == 1
    assert "the job ended failed" in result.stderr
    assert "GGUF" in result.stderr


def test_quickstart_says_that_the_port_is_taken(installation: dict[str, str]) -> None:
    with servers.running_valkey() as other:
        result = quickstart(installation, "--port", str(other.port))

    assert result.returncode == 1
    assert f"Port {other.port} of 127.0.0.1 is taken" in result.stderr
    assert "make run PORT=" in result.stderr


def test_quickstart_refuses_a_port_that_is_none(installation: dict[str, str]) -> None:
    result = quickstart(installation, "--port", "99999")

    assert result.returncode == 1
    assert result.stderr.strip() == "CommandError: A port is a number from 0 to 65535, not 99999."


def test_server_stops_quietly_on_ctrl_c(installation: dict[str, str]) -> None:
    with running_server(installation | {"LLM_PROVIDER": "dummy"}) as server:
        status, log = server.end(signal.SIGINT), server.log

    assert status == 0
    assert "Serving on" in log
    assert "Traceback" not in log
