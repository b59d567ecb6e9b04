from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DataError, InterfaceError, OperationalError
from structlog.testing import capture_logs

from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import GenerationJob, JobStatus
from generation.queue import claims, endings
from generation.requests import GenerationRequest
from generation.running import execution, runner, sweeping
from llmbackends.errors import BackendUnavailable
from llmbackends.types import ChatChunk, TokenUsage
from tests.database_outages import end_other_connections
from tests.generation.jobs import claim_next, queue_job, wait_for_status
from tests.generation.scripted import FOREVER, LAST, ScriptedBackend, answering
from tests.waiting import wait_until
from usage.models import UsageRecord

from .runners import running

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings) -> None:
    settings.GENERATION_POLL_INTERVAL_S = 0.05


def failing_first(real: Callable[..., Any], *errors: Exception) -> Callable[..., Any]:
    remaining = list(errors)

    def call(*args: Any, **kwargs: Any) -> Any:
        if remaining:
            raise remaining.pop(0)
        return real(*args, **kwargs)

    return call


def test_runner_completes_the_jobs_that_wait(backend: ScriptedBackend, key: ApiKey) -> None:
    jobs = [queue_job(key) for _ in range(20)]

    with running():
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED)

    assert {job.text for job in jobs} == {"Hello you"}
    assert {job.attempt for job in jobs} == {1}
    assert len(backend.requests) == 20


def test_submission_wakes_the_runner_of_its_process(
    backend: ScriptedBackend, key: ApiKey, settings: LazySettings
) -> None:
    settings.GENERATION_POLL_INTERVAL_S = 60
    runner.start_here()
    try:
        time.sleep(0.3)  # the runner has looked once, and looks again in a minute
        submitted = submission.submit(key=key, request=GenerationRequest(prompt="Hi"))
        wait_for_status(submitted.job, JobStatus.COMPLETED, timeout_s=5)
    finally:
        runner.stop_here(timeout_s=0)


def test_runner_works_on_as_many_jobs_at_a_time_as_it_has_slots(
    backend: ScriptedBackend, key: ApiKey
) -> None:
    backend.stream_steps = [FOREVER]
    for _ in range(5):
        queue_job(key)

    with running(concurrency=2) as job_runner:
        wait_until(lambda: len(backend.requests) == 2)
        job_runner.wake()
        time.sleep(0.2)
        statuses = list(GenerationJob.objects.values_list("status", flat=True))

    assert statuses.count(JobStatus.IN_PROGRESS) == 2
    assert len(backend.requests) == 2


def test_runner_shows_the_text_and_tokens_so_far(backend: ScriptedBackend, key: ApiKey) -> None:
    backend.stream_steps = [ChatChunk("Half"), ChatChunk(" an ans"), FOREVER]
    job = queue_job(key)

    def has_text() -> bool:
        job.refresh_from_db()
        return (job.text, job.tokens) == ("Half an ans", 2)

    with running():
        wait_until(has_text, timeout_s=5)

    assert job.status == JobStatus.IN_PROGRESS


def test_runner_stops_a_job_in_progress_that_is_cancelled(backend: ScriptedBackend, key: ApiKey) -> None:
    backend.stream_steps = [ChatChunk("Half"), FOREVER]
    job = queue_job(key)

    with running():
        wait_until(backend.waiting.is_set)
        submission.cancel(job)
        wait_for_status(job, JobStatus.CANCELLED, timeout_s=5)

    assert (job.text, backend.closed) == ("Half", 1)
    assert job.finished_at is not None


def test_runner_abandons_a_job_whose_lease_it_has_lost(backend: ScriptedBackend, key: ApiKey) -> None:
    backend.stream_steps = [ChatChunk("Half"), FOREVER]
    job = queue_job(key)

    with running():
        wait_until(backend.waiting.is_set)
        GenerationJob.objects.update(lease_owner="other", attempt=2)
        wait_until(lambda: backend.closed == 1, timeout_s=5)

    job.refresh_from_db()
    assert (job.status, job.lease_owner) == (JobStatus.IN_PROGRESS, "other")
    assert UsageRecord.objects.get().error_code == "superseded"


def test_runner_keeps_the_lease_of_a_long_job(
    backend: ScriptedBackend, key: ApiKey, settings: LazySettings
) -> None:
    settings.GENERATION_LEASE_S = 1
    backend.stream_steps = [FOREVER]
    job = queue_job(key)

    with running(), running():
        wait_until(backend.waiting.is_set)
        time.sleep(2.5)  # two leases and a half
        job.refresh_from_db()

    assert (job.status, job.attempt, job.lost_leases) == (JobStatus.IN_PROGRESS, 1, 0)
    assert len(backend.requests) == 1


def test_runner_keeps_leases_and_cancels_while_it_sweeps(
    backend: ScriptedBackend, key: ApiKey, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GENERATION_LEASE_S = 2
    sweeps, is_over = threading.Event(), threading.Event()

    def sweep_long(owner: str) -> int:
        sweeps.set()
        assert is_over.wait(20)
        return 0

    monkeypatch.setattr(sweeping, "sweep", sweep_long)
    backend.stream_steps = [ChatChunk("Half"), FOREVER]
    job = queue_job(key)

    def is_extended() -> bool:
        job.refresh_from_db()
        assert job.lease_expires_at is not None
        assert job.claimed_at is not None
        return job.lease_expires_at - job.claimed_at > timedelta(seconds=3)

    with running():
        wait_until(backend.waiting.is_set)
        assert sweeps.wait(10)
        wait_until(is_extended, timeout_s=5)
        submission.cancel(job)
        wait_for_status(job, JobStatus.CANCELLED, timeout_s=5)
        is_over.set()


def test_runner_takes_over_the_job_of_a_worker_that_died(backend: ScriptedBackend, key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("dead")
    assert claim is not None
    GenerationJob.objects.update(lease_expires_at=job.created_at)

    with running():
        wait_for_status(job, JobStatus.COMPLETED)

    assert (job.attempt, job.lost_leases) == (2, 1)


def test_job_waits_for_a_backend_that_is_down_and_burns_no_attempts(
    backend: ScriptedBackend, key: ApiKey, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GENERATION_MAX_ATTEMPTS = 2
    monkeypatch.setattr(execution, "_LONGEST_DELAY_S", 0.05)
    backend.checks = [BackendUnavailable("refused") for _ in range(6)]
    job = queue_job(key)

    with running():
        wait_for_status(job, JobStatus.COMPLETED)

    assert (job.postponements, job.lost_leases, job.text) == (6, 0, "Hello you")
    assert job.failure_detail == ""


def test_job_whose_second_try_meets_an_outage_begins_anew_and_loses_no_usage(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "_LONGEST_DELAY_S", 0.05)
    backend.streams = [answering("No."), answering('{"a": 1}')]
    backend.entering = [None, BackendUnavailable("refused")]
    job = queue_job(key, generator="json-v1")

    with running():
        wait_for_status(job, JobStatus.COMPLETED)

    first, _second, again = backend.requests
    records = UsageRecord.objects.order_by("at")
    assert again == first
    assert (job.attempt, job.postponements, job.data) == (2, 1, {"a": 1})
    assert [attempt.outcome for attempt in job.attempts.all()] == ["postponed", "completed"]
    assert [(each.error_code, each.prompt_tokens, each.completion_tokens) for each in records] == [
        ("superseded", 3, 2),
        ("", 3, 2),
    ]


def test_job_fails_at_its_deadline_when_the_backend_stays_down(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "_LONGEST_DELAY_S", 0.2)
    backend.checks = [BackendUnavailable("refused at 10.0.0.7") for _ in range(1000)]
    job = queue_job(key, deadline_in_s=1.5)

    with running():
        wait_for_status(job, JobStatus.FAILED)

    assert job.error_code == "backend_unavailable"
    assert job.postponements >= 3
    assert "10.0.0.7" in job.failure_detail
    assert "10.0.0.7" not in job.error_message


def test_stop_gives_jobs_back_that_do_not_end_in_time(backend: ScriptedBackend, key: ApiKey) -> None:
    backend.stream_steps = [FOREVER]
    job = queue_job(key)

    with running() as job_runner:
        wait_until(backend.waiting.is_set)
        began_at = time.monotonic()
        job_runner.stop(timeout_s=0.2)
        took_s = time.monotonic() - began_at

    job.refresh_from_db()
    assert took_s < 3
    assert (job.status, job.lost_leases, job.run_after) == (JobStatus.QUEUED, 0, None)
    assert backend.closed == 1


def test_stop_lets_jobs_end_within_the_time(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    real = endings.finish_all

    def finish_when_released(*args: Any) -> Any:
        assert released.wait(10)
        return real(*args)

    monkeypatch.setattr(endings, "finish_all", finish_when_released)
    job = queue_job(key)

    with running() as job_runner:
        wait_until(lambda: backend.closed == 1)
        stopping = threading.Thread(target=job_runner.stop, kwargs={"timeout_s": 10})
        stopping.start()
        released.set()
        stopping.join()

    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED


def test_runner_that_has_stopped_takes_no_more_jobs(backend: ScriptedBackend, key: ApiKey) -> None:
    with running() as job_runner:
        job_runner.stop(timeout_s=0)
        job = queue_job(key)
        job_runner.wake()
        time.sleep(0.2)

    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED


@pytest.mark.parametrize(
    "error",
    [OperationalError("the server closed the connection"), InterfaceError("closed"), RuntimeError("bug")],
)
def test_runner_goes_on_after_a_failure_to_claim(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(claims, "claim_due", failing_first(claims.claim_due, error, error))
    job = queue_job(key)

    with capture_logs() as logs, running():
        wait_for_status(job, JobStatus.COMPLETED)

    assert "error" in {entry["log_level"] for entry in logs}


def test_job_that_was_claimed_though_it_was_reported_failed_is_begun_by_who_claimed_it(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [queue_job(key) for _ in range(3)]
    real, unconfirmed = claims.claim_due, [OperationalError("the confirmation was lost")]

    def claimed_but_failed(owner: str, count: int) -> list[claims.Claim]:
        taken = real(owner, count)
        if unconfirmed:
            raise unconfirmed.pop()
        return taken

    monkeypatch.setattr(claims, "claim_due", claimed_but_failed)
    with running(), capture_logs() as logs:
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED, timeout_s=5)

    assert {(job.attempt, job.lost_leases) for job in jobs} == {(1, 0)}
    assert len(backend.requests) == 3
    assert sum(log["event"] == "job_claimed_unconfirmed" for log in logs) == 3


@pytest.mark.parametrize("function", ["signals", "extend"])
def test_runner_goes_on_after_a_failure_to_keep_leases(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    backend.stream_steps = [ChatChunk("Half"), FOREVER]
    real = getattr(claims, function)
    monkeypatch.setattr(claims, function, failing_first(real, OperationalError("down"), RuntimeError("bug")))
    job = queue_job(key)

    with capture_logs() as logs, running():
        wait_until(backend.waiting.is_set)
        submission.cancel(job)
        wait_for_status(job, JobStatus.CANCELLED, timeout_s=10)

    assert {"runner_waits_for_database", "runner_step_failed"} <= {entry["event"] for entry in logs}


def test_result_whose_store_fails_is_stored_when_the_database_is_back(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = OperationalError("the server closed the connection")
    monkeypatch.setattr(endings, "finish_all", failing_first(endings.finish_all, down, down))
    job = queue_job(key)

    with running():
        wait_for_status(job, JobStatus.COMPLETED)

    assert (job.text, len(backend.requests)) == ("Hello you", 1)


def test_result_that_was_stored_though_it_was_reported_failed_counts_once(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = endings.finish_all
    answers: list[Any] = []

    def finish_and_lose_the_confirmation(*args: Any) -> Any:
        answers.append(real(*args))
        if len(answers) == 1:
            raise OperationalError("the server closed the connection")
        return answers[-1]

    monkeypatch.setattr(endings, "finish_all", finish_and_lose_the_confirmation)
    job = queue_job(key)

    with capture_logs() as logs, running() as job_runner:
        wait_until(lambda: len(answers) == 2)
        job_runner.stop(timeout_s=5)

    job.refresh_from_db()
    assert [len(stored) for stored in answers] == [1, 1]
    assert job.status == JobStatus.COMPLETED
    assert "late_result_refused" not in {entry["event"] for entry in logs}


def test_result_that_the_database_refuses_fails_the_job(
    backend: ScriptedBackend, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "finish_all", failing_first(endings.finish_all, DataError("value too long")))
    job = queue_job(key)

    with running():
        wait_for_status(job, JobStatus.FAILED)

    assert job.error_code == "internal_error"
    assert "value too long" in job.failure_detail


def test_result_that_breaks_a_constraint_fails_the_job(backend: ScriptedBackend, key: ApiKey) -> None:
    backend.stream_steps = [replace(LAST, usage=TokenUsage(-1, 2))]
    job = queue_job(key)

    with running():
        wait_for_status(job, JobStatus.FAILED, timeout_s=10)

    assert job.error_code == "internal_error"
    assert "IntegrityError" in job.failure_detail


def test_attempt_that_cancels_itself_fails_the_job_instead_of_beginning_again(
    backend: ScriptedBackend, key: ApiKey
) -> None:
    backend.selecting = asyncio.CancelledError()
    job = queue_job(key)

    with running():
        wait_for_status(job, JobStatus.FAILED, timeout_s=10)

    assert (job.error_code, job.attempt) == ("internal_error", 1)


def test_start_here_twice_is_refused(backend: ScriptedBackend, key: ApiKey) -> None:
    runner.start_here()
    try:
        with pytest.raises(RuntimeError, match="already"):
            runner.start_here()
    finally:
        runner.stop_here(timeout_s=0)


def test_wake_in_a_process_without_a_runner_does_nothing() -> None:
    runner.wake_here()


def test_answers_stream_to_their_end_after_many_chunks(backend: ScriptedBackend, key: ApiKey) -> None:
    backend.stream_steps = [*(ChatChunk(f"{number} ") for number in range(5000)), LAST]
    job = queue_job(key)

    with running():
        wait_for_status(job, JobStatus.COMPLETED)

    assert job.text.split() == [str(number) for number in range(5000)]


@pytest.mark.postgresql  # SQLite has no server to end connections
def test_runner_outlives_that_the_database_ends_all_connections(
    backend: ScriptedBackend, key: ApiKey
) -> None:
    backend.stream_steps = [ChatChunk("Half"), FOREVER]
    interrupted = queue_job(key)

    with running():
        wait_until(backend.waiting.is_set)
        assert end_other_connections()
        backend.stream_steps = [ChatChunk("Whole"), LAST]
        wait_for_status(queue_job(key), JobStatus.COMPLETED)
        submission.cancel(interrupted)
        wait_for_status(interrupted, JobStatus.CANCELLED)
