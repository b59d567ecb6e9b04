from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.conformance.installation import ALIAS, NODE_MODULES, Served, require

SCANNER = NODE_MODULES / "compatcanary" / "src" / "cli.js"


def scan(served: Served) -> dict[str, Any]:
    require(SCANNER)
    options = ["--profile", "modern", "--fail-on", "never", "--format", "json"]
    result = subprocess.run(
        ["node", SCANNER, "scan", "--base-url", served.openai_url, "--model", ALIAS, *options],
        env=os.environ | {"OPENAI_API_KEY": served.key},
        text=True,
        capture_output=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.mark.processes
def test_compatcanary_gives_100_of_100(toy: Served) -> None:
    report = scan(toy)

    shortcomings = [probe for probe in report["results"] if probe["status"] != "pass"]
    assert shortcomings == []
    assert report["summary"]["total"] == 7
    assert report["score"] == 100
