from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.utils import timezone

from epochs.advancing import advance
from epochs.current import Epochs
from epochs.models import Process, Role
from epochs.reporting import ProcessReporter
from epochs.selectors import running_processes
from epochs.subjects import Subject
from tests.database_outages import database_out_of_reach
from tests.epochs.support import number_of, stored
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _often(settings: Any) -> None:
    settings.PROCESS_REPORT_INTERVAL_S = 0.05


class Followed:
    """What a process was told to follow."""

    def __init__(self) -> None:
        self.epochs: list[Epochs] = []

    async def __call__(self, epochs: Epochs) -> None:
        self.epochs.append(epochs)


@contextmanager
def reporting(role: Role = Role.WEB, *, follow: Any = None) -> Iterator[ProcessReporter]:
    reporter = ProcessReporter(role, follow=follow or Followed())
    reporter.start()
    try:
        yield reporter
    finally:
        reporter.stop()
        assert "process-reporter" not in {thread.name for thread in threading.enumerate()}


def test_process_says_who_it_is_and_what_it_runs(settings: Any) -> None:
    with reporting(Role.WORKER):
        wait_until(Process.objects.exists)
        process = Process.objects.get()

    assert (process.role, process.pid, process.version) == (Role.WORKER, os.getpid(), settings.VERSION)
    assert process.configs_epoch == number_of(Subject.CONFIGS)
    assert process.keys_epoch == number_of(Subject.KEYS)
    assert timezone.now() - process.started_at < timedelta(seconds=30)


def test_idle_process_follows_a_change_before_it_reports_it() -> None:
    followed = Followed()
    with reporting(follow=followed):
        wait_until(Process.objects.exists)
        advance(Subject.CONFIGS)
        wait_until(lambda: running_processes()[0].has_converged)

        assert followed.epochs[-1].configs == number_of(Subject.CONFIGS)


def test_process_that_could_not_follow_does_not_claim_so() -> None:
    async def fail(_: Epochs) -> None:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as logs, reporting(follow=fail):
        wait_until(lambda: len(logs) >= 2)

    assert {each["event"] for each in logs} == {"process_report_failed"}
    assert not Process.objects.exists()


def test_process_that_stops_takes_its_report_back() -> None:
    with reporting():
        wait_until(Process.objects.exists)

    assert not Process.objects.exists()


def test_process_is_reported_again_after_an_outage() -> None:
    with structlog.testing.capture_logs() as logs, reporting():
        wait_until(Process.objects.exists)
        with database_out_of_reach():
            wait_until(lambda: "database_unreachable" in {each["event"] for each in logs})
        Process.objects.all().delete()

        wait_until(Process.objects.exists)


def test_reports_can_be_switched_off(settings: Any) -> None:
    settings.PROCESS_REPORT_INTERVAL_S = 0

    with reporting():
        assert "process-reporter" not in {thread.name for thread in threading.enumerate()}


def test_process_that_was_killed_is_forgotten_after_a_minute() -> None:
    gone, alive = stored(seen_s_ago=61), stored(seen_s_ago=55)

    shown = [running.process for running in running_processes()]
    with reporting():
        wait_until(lambda: not Process.objects.filter(pk=gone.pk).exists())

    assert shown == [alive]
    assert Process.objects.get() == alive


def test_process_has_converged_with_the_newest_epochs_only() -> None:
    stored()
    newest = [running.has_converged for running in running_processes()]
    advance(Subject.KEYS)

    assert newest == [True]
    assert [running.has_converged for running in running_processes()] == [False]


def test_age_is_that_of_the_last_report() -> None:
    stored(seen_s_ago=30)

    assert running_processes()[0].age_s == pytest.approx(30, abs=10)
