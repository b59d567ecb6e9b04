from __future__ import annotations

import threading

import pytest
from django.conf import LazySettings
from django.db import connections

from apikeys.models import ApiKey
from generation.models import GenerationJob, JobStatus
from generation.queue.endings import finish
from generation.queue.lapses import reap
from tests.generation.jobs import COMPLETED, claim_next, queue_job, seconds_ago


def expired(key: ApiKey, **fields: object) -> GenerationJob:
    return queue_job(
        key,
        **{"status": JobStatus.IN_PROGRESS, "attempt": 1, "lease_owner": "dead"}
        | {"lease_expires_at": seconds_ago(1)}
        | fields,
    )


def test_reap_queues_a_job_whose_lease_has_expired(key: ApiKey) -> None:
    job = expired(key)

    assert reap() == 1

    job.refresh_from_db()
    assert (job.status, job.lost_leases, job.attempt) == (JobStatus.QUEUED, 1, 1)
    assert claim_next("worker") is not None


def test_reap_leaves_a_living_lease_alone(key: ApiKey) -> None:
    job = queue_job(key)
    claim_next("worker")

    assert reap() == 0

    job.refresh_from_db()
    assert job.status == JobStatus.IN_PROGRESS


def test_reap_cancels_an_expired_job_that_was_asked_to_be_cancelled(key: ApiKey) -> None:
    job = expired(key, cancel_requested_at=seconds_ago(2))

    assert reap() == 1

    job.refresh_from_db()
    assert (job.status, job.lost_leases) == (JobStatus.CANCELLED, 1)
    assert job.finished_at is not None


def test_reap_fails_a_job_that_has_cost_too_many_workers(key: ApiKey, settings: LazySettings) -> None:
    settings.GENERATION_MAX_ATTEMPTS = 3
    last_chance, too_many = expired(key, lost_leases=1), expired(key, lost_leases=2)

    assert reap() == 2

    last_chance.refresh_from_db()
    too_many.refresh_from_db()
    assert last_chance.status == JobStatus.QUEUED
    assert (too_many.status, too_many.error_code) == (JobStatus.FAILED, "internal_error")
    assert "3 workers" in too_many.failure_detail


def test_reap_fails_an_expired_job_that_is_past_its_deadline(key: ApiKey) -> None:
    job = expired(key, deadline_in_s=-1)

    assert reap() == 1

    job.refresh_from_db()
    assert (job.status, job.error_code) == (JobStatus.FAILED, "backend_timeout")


def test_reap_fails_a_queued_job_that_is_past_its_deadline(key: ApiKey) -> None:
    never_begun = queue_job(key, deadline_in_s=-1)
    put_off = queue_job(key, deadline_in_s=-1, postponements=3, failure_detail="BackendUnavailable: refused")
    still_in_time = queue_job(key)

    assert reap() == 2

    for job in (never_begun, put_off, still_in_time):
        job.refresh_from_db()
    assert (never_begun.status, never_begun.error_code) == (JobStatus.FAILED, "expired")
    assert "No worker had room" in never_begun.failure_detail
    assert (put_off.status, put_off.error_code) == (JobStatus.FAILED, "backend_unavailable")
    assert put_off.failure_detail == "BackendUnavailable: refused"
    assert still_in_time.status == JobStatus.QUEUED


def test_late_result_after_the_lease_was_reaped_is_refused(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("slow")
    assert claim is not None
    GenerationJob.objects.update(lease_expires_at=seconds_ago(1))
    reap()

    assert not finish(claim, COMPLETED)

    job.refresh_from_db()
    assert (job.status, job.text) == (JobStatus.QUEUED, "")


@pytest.mark.django_db(transaction=True)
def test_reap_of_several_processes_takes_each_lease_back_once(key: ApiKey) -> None:
    for _ in range(20):
        expired(key)
    counts: list[int] = []

    def reap_and_count() -> None:
        counts.append(reap())
        connections.close_all()

    threads = [threading.Thread(target=reap_and_count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 20
    assert set(GenerationJob.objects.values_list("lost_leases", flat=True)) == {1}
