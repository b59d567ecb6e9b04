from __future__ import annotations

import subprocess
import sys

import pytest

from apikeys.models import ApiKey
from tests.processes import ROOT
from usage.models import UsageRecord

pytestmark = pytest.mark.processes


def run(environment: dict[str, str], key: ApiKey, count: int, way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.usage.recording_process", str(key.pk), str(count), way],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("way", ["exit", "stop", "fork"])
def test_process_that_ends_has_stored_all_it_recorded_once(
    process_environment: dict[str, str], key: ApiKey, way: str
) -> None:
    run(process_environment, key, 3000, way)

    ids = list(UsageRecord.objects.values_list("request_id", flat=True))
    assert len(ids) == len(set(ids)) == 3000
