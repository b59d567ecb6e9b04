from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.processes
def test_last_known_row_answers_after_the_server_has_stopped() -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

    done = subprocess.run(
        [sys.executable, "-m", "tests.llmconfigs.outage_process"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"before": "mine", "after": "mine"}
    assert done.stderr.count("database_unreachable") == 1
