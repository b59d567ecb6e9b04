"""The API does what its OpenAPI page says, whatever is sent: every phase and every check of schemathesis."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance.installation import Served, tool
from tests.processes import ROOT

CONFIGURATION = Path(__file__).with_suffix(".toml")


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_schemathesis_finds_no_failure(dummy: Served, tmp_path: Path) -> None:
    page = f"{dummy.url}/api/v1/openapi.json"
    result = subprocess.run(
        [tool("schemathesis"), "--config-file", CONFIGURATION, "run", "--no-color", page],
        env=os.environ | {"PYTHONPATH": str(ROOT), "CHANGEOVER_API_KEY": dummy.key},
        cwd=tmp_path,
        text=True,
        capture_output=True,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert " failed" not in result.stdout
