"""The worker as a process of its own, with a real broker and the dummy provider."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
import redis
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from apikeys.models import ApiKey
from generation import tasks
from generation.accepting import dispatch, submission
from generation.models import GenerationJob, JobStatus
from generation.requests import GenerationRequest
from tests import servers
from tests.generation.jobs import queue_job, wait_for_status
from tests.generation.workers import WorkerProcess, running_worker
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

StartWorker = Callable[..., AbstractContextManager[WorkerProcess]]


@pytest.fixture
def broker() -> Iterator[servers.ValkeyProcess]:
    with servers.running_valkey() as process:
        yield process


@pytest.fixture
def start_worker(
    process_environment: dict[str, str], broker: servers.ValkeyProcess, tmp_path: Path
) -> StartWorker:
    """`start_worker("--concurrency", "4", GENERATION_LEASE_S="2", options={"delay_s": 1})`."""

    def start(
        *arguments: str, options: dict[str, Any] | None = None, name: str = "worker", **variables: str
    ) -> AbstractContextManager[WorkerProcess]:
        environment = process_environment | {"REDIS_URL": broker.url, "GENERATION_POLL_INTERVAL_S": "0.2"}
        environment |= {"LLM_OPTIONS": json.dumps(options or {})} | variables
        return running_worker(environment, tmp_path / f"{name}.log", *arguments)

    return start


@pytest.fixture
def submit(
    key: ApiKey, broker: servers.ValkeyProcess, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], GenerationJob]]:
    """Submits a job from this process, as the web server does, with wake-ups over the broker."""
    from config.celery import app

    settings.REDIS_URL = app.conf.broker_url = broker.url
    monkeypatch.setattr(dispatch, "_publisher", dispatch.Publisher(dispatch._publish_by_celery, pause_s=0.5))
    yield lambda: submission.submit(key=key, request=GenerationRequest(prompt="Hello")).job
    app.conf.broker_url = ""
    kombu.pools.reset()
    app._after_fork()  # forgets the connections to this test's broker


def count_by_status() -> Counter[str]:
    return Counter(GenerationJob.objects.values_list("status", flat=True))


def all_are(status: JobStatus) -> bool:
    return not GenerationJob.objects.exclude(status=status).exists()


def test_worker_is_woken_by_a_submission(
    start_worker: StartWorker, submit: Callable[[], GenerationJob]
) -> None:
    with start_worker(GENERATION_POLL_INTERVAL_S="3600") as worker:
        worker.wait_for_log("ready.")
        job = submit()
        wait_for_status(job, JobStatus.COMPLETED, timeout_s=10)

    assert job.text
    assert (job.provider, job.attempt) == ("dummy", 1)


def is_frozen_with_jobs(worker: WorkerProcess) -> bool:
    """Between two jobs it goes on again."""
    worker.process.send_signal(signal.SIGSTOP)
    if count_by_status()[JobStatus.IN_PROGRESS]:
        return True
    worker.process.send_signal(signal.SIGCONT)
    return False


def test_worker_that_is_killed_half_way_costs_no_job_and_doubles_none(
    start_worker: StartWorker, key: ApiKey
) -> None:
    start = partial(start_worker, "--concurrency", "4", options={"delay_s": 0.2}, GENERATION_LEASE_S="2")
    for _ in range(60):
        queue_job(key)

    with start(name="first") as first:
        wait_until(lambda: count_by_status()["completed"] >= 12)
        wait_until(lambda: is_frozen_with_jobs(first))
        first.process.kill()
        first.process.wait()
        finished_before = dict(
            GenerationJob.objects.filter(status=JobStatus.COMPLETED).values_list("pk", "finished_at")
        )
    with start(name="second"):
        wait_until(lambda: all_are(JobStatus.COMPLETED), timeout_s=40)

    jobs = list(GenerationJob.objects.all())
    assert {job.pk: job.finished_at for job in jobs if job.pk in finished_before} == finished_before
    assert {job.attempt for job in jobs if job.pk in finished_before} == {1}
    assert 1 <= sum(job.lost_leases for job in jobs) <= 4
    assert all(job.attempt == 1 + job.lost_leases for job in jobs)


def test_wake_ups_that_nobody_fetches_do_not_fill_the_broker(
    submit: Callable[[], GenerationJob], broker: servers.ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_WAITING", 3)

    for _ in range(6):
        tasks.publish_wake_up()

    with redis.Redis.from_url(broker.url) as client:
        assert client.llen("changeover") == 3


def test_jobs_run_while_the_broker_is_down(
    start_worker: StartWorker, submit: Callable[[], GenerationJob], broker: servers.ValkeyProcess
) -> None:
    broker.stop()
    with start_worker():
        began_at = time.monotonic()
        jobs = [submit() for _ in range(10)]
        submitting_s = time.monotonic() - began_at
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED, timeout_s=10)

    assert submitting_s < 3


def test_frozen_broker_delays_neither_submission_nor_jobs(
    start_worker: StartWorker, submit: Callable[[], GenerationJob], broker: servers.ValkeyProcess
) -> None:
    with start_worker() as worker:
        worker.wait_for_log("ready.")
        wait_for_status(submit(), JobStatus.COMPLETED, timeout_s=10)
        assert broker.process is not None
        broker.process.send_signal(signal.SIGSTOP)
        began_at = time.monotonic()
        jobs = [submit() for _ in range(20)]
        submitting_s = time.monotonic() - began_at
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED, timeout_s=10)
        status = worker.end(signal.SIGTERM, timeout_s=20)

    assert submitting_s < 3
    assert status == 0


def test_worker_outlives_a_broker_that_is_restarted(
    start_worker: StartWorker, submit: Callable[[], GenerationJob], broker: servers.ValkeyProcess
) -> None:
    with start_worker(options={"delay_s": 1}, GENERATION_POLL_INTERVAL_S="3600") as worker:
        worker.wait_for_log("ready.")
        running = submit()
        wait_for_status(running, JobStatus.IN_PROGRESS)
        broker.stop()
        wait_for_status(running, JobStatus.COMPLETED)
        broker.start()

        def woken_again() -> bool:
            submit()
            time.sleep(0.2)
            return count_by_status()["completed"] > 1

        wait_until(woken_again, timeout_s=30)

    running.refresh_from_db()
    assert running.attempt == 1


def test_sigterm_lets_running_jobs_end(start_worker: StartWorker, key: ApiKey) -> None:
    job = queue_job(key)
    with start_worker(options={"delay_s": 3}) as worker:
        worker.wait_for_log("ready.")
        wait_for_status(job, JobStatus.IN_PROGRESS)
        status = worker.end(signal.SIGTERM)

    job.refresh_from_db()
    assert (status, job.status) == (0, JobStatus.COMPLETED)


def test_sigint_gives_jobs_back_that_take_too_long(
    start_worker: StartWorker, submit: Callable[[], GenerationJob]
) -> None:
    with start_worker(options={"delay_s": 60}, GENERATION_SHUTDOWN_S="0.5") as worker:
        worker.wait_for_log("ready.")
        job = submit()
        wait_for_status(job, JobStatus.IN_PROGRESS)
        status = worker.end(signal.SIGINT, timeout_s=10)

    job.refresh_from_db()
    assert (status, job.status, job.lost_leases) == (0, JobStatus.QUEUED, 0)


def test_second_signal_ends_the_worker_at_once(start_worker: StartWorker, key: ApiKey) -> None:
    job = queue_job(key)
    with start_worker(options={"delay_s": 60}, GENERATION_SHUTDOWN_S="60") as worker:
        worker.wait_for_log("ready.")
        wait_for_status(job, JobStatus.IN_PROGRESS)
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for_log("worker_stopping")
        status = worker.end(signal.SIGTERM, timeout_s=3)

    job.refresh_from_db()
    assert status == 128 + signal.SIGTERM
    assert job.status == JobStatus.IN_PROGRESS


def test_cancel_reaches_the_worker(start_worker: StartWorker, key: ApiKey) -> None:
    job = queue_job(key)
    with start_worker(options={"delay_s": 60}):
        wait_for_status(job, JobStatus.IN_PROGRESS)
        submission.cancel(job)
        wait_for_status(job, JobStatus.CANCELLED, timeout_s=5)


def test_worker_without_a_broker_says_what_to_do(settings: LazySettings) -> None:
    settings.REDIS_URL = ""

    with pytest.raises(CommandError, match=r"REDIS_URL is not set.*manage.py serve"):
        call_command("worker")


def test_worker_without_slots_is_refused(settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(CommandError, match="at least 1"):
        call_command("worker", "--concurrency", "0")
