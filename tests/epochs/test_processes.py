"""Real processes report themselves, follow a change while they idle, and go."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from audit.context import SYSTEM
from epochs.models import Process, Role
from epochs.selectors import running_processes
from llmconfigs import activation
from llmconfigs.models import LLMConfig
from tests.generation.workers import running_worker
from tests.processes import manage, running_server
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.xdist_group("acceptance")]


def test_idle_processes_converge_after_an_activation_and_take_their_reports_back(
    process_environment: dict[str, str], valkey_url: str, tmp_path: Path
) -> None:
    environment = process_environment | {"REDIS_URL": valkey_url, "PROCESS_REPORT_INTERVAL_S": "0.2"}
    with (
        running_server(environment) as server,
        running_worker(environment, tmp_path / "worker.log") as worker,
    ):
        wait_until(lambda: {each.process.role for each in running_processes()} == set(Role))
        activation.activate(
            LLMConfig.objects.create(name="new", provider="dummy", model_name="new"), by=SYSTEM.actor
        )
        wait_until(lambda: all(each.has_converged for each in running_processes()))
        shown = manage("llm", "processes", environment=environment)
        server.end(signal.SIGTERM)
        worker.end(signal.SIGTERM)
        logs = server.log, worker.log

    assert shown.count(" yes\n") == 2
    assert all("config=new" in log for log in logs)
    assert not Process.objects.exists()
