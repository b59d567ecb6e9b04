from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apikeys.models import ApiKey
from generation.models import JobStatus
from tests.generation.jobs import claim_next, queue_job, seconds_ago


def test_claim_of_an_empty_queue_is_none(db: None) -> None:
    assert claim_next("worker") is None


def test_claim_puts_the_job_in_progress_under_a_lease(key: ApiKey) -> None:
    job = queue_job(key)

    claim = claim_next("worker")

    job.refresh_from_db()
    assert claim is not None
    assert (claim.job_id, claim.owner, claim.attempt) == (job.pk, "worker", 1)
    assert claim.request == {"prompt": "Hello"}
    assert 590 < claim.remaining_s <= 600
    assert job.status == JobStatus.IN_PROGRESS
    assert (job.lease_owner, job.attempt) == ("worker", 1)
    assert job.lease_expires_at is not None
    assert job.lease_expires_at > timezone.now() + timedelta(seconds=20)
    assert job.started_at is not None


def test_claim_takes_the_most_urgent_job_and_among_equals_the_oldest(key: ApiKey) -> None:
    normal, late_urgent, later_urgent = (queue_job(key, priority=priority) for priority in (3, 1, 1))

    claimed = [claim_next("worker") for _ in range(3)]

    assert [claim and claim.job_id for claim in claimed] == [late_urgent.pk, later_urgent.pk, normal.pk]


def test_claim_knows_why_the_attempt_before_was_postponed(key: ApiKey) -> None:
    queue_job(key, failure_detail="BackendUnavailable: refused", postponements=1)

    claim = claim_next("worker")

    assert claim is not None
    assert (claim.last_failure, claim.postponements) == ("BackendUnavailable: refused", 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": JobStatus.IN_PROGRESS},
        {"status": JobStatus.COMPLETED},
        {"run_after": timezone.now() + timedelta(hours=1)},
        {"deadline_in_s": -1},
    ],
)
def test_claim_passes_over_a_job_that_is_not_due(key: ApiKey, fields: dict[str, object]) -> None:
    queue_job(key, **fields)

    assert claim_next("worker") is None


def test_claim_takes_a_postponed_job_when_its_time_has_come(key: ApiKey) -> None:
    job = queue_job(key, run_after=seconds_ago(1))

    claim = claim_next("worker")

    assert claim is not None
    assert claim.job_id == job.pk


def test_second_claim_keeps_the_first_start_and_forgets_the_text(key: ApiKey) -> None:
    started_at = seconds_ago(60)
    job = queue_job(key, started_at=started_at, attempt=4, text="Half an ans")

    claim = claim_next("worker")

    job.refresh_from_db()
    assert claim is not None
    assert claim.attempt == 5
    assert (job.started_at, job.text) == (started_at, "")


@pytest.mark.django_db(transaction=True)
def test_claims_of_many_threads_get_each_job_once(key: ApiKey) -> None:
    jobs = {queue_job(key).pk for _ in range(60)}
    claimed: list[object] = []

    def claim_all() -> None:
        while claim := claim_next("worker"):
            claimed.append(claim.job_id)
        connections.close_all()

    threads = [threading.Thread(target=claim_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == 60
    assert set(claimed) == jobs
