from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance.installation import ALIAS, PYTHON, Served, require

SCRIPT = Path(__file__).with_name("langchain_client.py")


def run(served: Served, *arguments: str) -> list[str]:
    """The names of what langchain did."""
    require(PYTHON)
    result = subprocess.run(
        [PYTHON, "-W", "error::ResourceWarning", SCRIPT, served.openai_url, served.key, ALIAS, *arguments],
        env=os.environ | {"LANGSMITH_TRACING": "false"},
        text=True,
        capture_output=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return [line.split()[0] for line in result.stdout.splitlines()]


@pytest.mark.processes
def test_langchain_with_the_dummy(dummy: Served) -> None:
    assert len(run(dummy, "--embeddings")) == 8


@pytest.mark.processes
def test_langchain_with_a_real_model(toy: Served) -> None:
    assert len(run(toy)) == 7
