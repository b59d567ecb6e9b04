from __future__ import annotations

import json
import subprocess
import sys

from tests.processes import ROOT

_FAIL = """
import logging
from config.logs import configure
configure({"level": "INFO", "format": "json"})
try:
    key = "-".join(("sk", "secret"))
    raise ValueError("went wrong")
except ValueError:
    logging.getLogger("test").exception("an error")
"""


def test_json_tracebacks_hold_no_local_variables() -> None:
    result = subprocess.run([sys.executable, "-c", _FAIL], cwd=ROOT, text=True, capture_output=True)

    assert json.loads(result.stderr)["exception"][0]["exc_value"] == "went wrong"
    assert "sk-secret" not in result.stderr
