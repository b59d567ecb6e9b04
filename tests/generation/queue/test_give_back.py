from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import JobStatus
from generation.queue.endings import give_back
from generation.queue.outcomes import Postponement, Trace
from tests.generation.jobs import claim_next, queue_job


def test_give_back_at_once_queues_the_job_for_anybody(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("stopping")
    assert claim is not None

    assert give_back(claim)

    job.refresh_from_db()
    assert (job.status, job.postponements, job.lost_leases) == (JobStatus.QUEUED, 0, 0)
    assert job.lease_expires_at is None
    assert claim_next("other") is not None


def test_give_back_with_a_postponement_waits_and_keeps_the_cause(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    give_back(claim, Postponement(delay_s=60, trace=Trace(failure_detail="BackendUnavailable: refused")))

    job.refresh_from_db()
    assert (job.status, job.postponements, job.lost_leases) == (JobStatus.QUEUED, 1, 0)
    assert job.run_after is not None
    assert timedelta(seconds=50) < job.run_after - timezone.now() <= timedelta(seconds=60)
    assert job.failure_detail == "BackendUnavailable: refused"
    assert claim_next("worker") is None


def test_give_back_of_a_job_that_was_asked_to_be_cancelled_cancels_it(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None
    submission.cancel(job)

    give_back(claim)

    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert job.finished_at is not None


def test_give_back_under_an_old_claim_changes_nothing(key: ApiKey) -> None:
    job = queue_job(key)
    old = claim_next("worker")
    assert old is not None
    give_back(old)
    claim_next("worker")

    assert not give_back(old)

    job.refresh_from_db()
    assert job.status == JobStatus.IN_PROGRESS
