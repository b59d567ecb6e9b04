from __future__ import annotations

import pytest

from apikeys.models import ApiKey
from audit.actions import Action
from audit.models import AuditEvent
from generation.accepting.submission import cancel, cancel_as_staff
from generation.errors import JobFinished
from generation.models import JobStatus
from tests.generation.jobs import claim_next, queue_job


def test_cancel_of_a_queued_job_is_done_at_once(key: ApiKey) -> None:
    job = queue_job(key)

    cancelled = cancel(job)

    assert cancelled.status == JobStatus.CANCELLED
    assert cancelled.finished_at is not None
    assert claim_next("worker") is None


def test_cancel_of_a_job_in_progress_asks_its_worker(key: ApiKey) -> None:
    job = queue_job(key)
    claim_next("worker")

    asked = cancel(job)

    assert (asked.status, asked.finished_at) == (JobStatus.IN_PROGRESS, None)
    assert asked.cancel_requested_at is not None


def test_cancel_again_keeps_the_time_of_the_first_request(key: ApiKey) -> None:
    job = queue_job(key)
    claim_next("worker")
    first_requested_at = cancel(job).cancel_requested_at

    assert cancel(job).cancel_requested_at == first_requested_at


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_cancel_of_a_finished_job_is_refused(key: ApiKey, status: JobStatus) -> None:
    job = queue_job(key, status=status)

    with pytest.raises(JobFinished) as caught:
        cancel(job)

    job.refresh_from_db()
    assert caught.value.job.status == status
    assert job.cancel_requested_at is None


def test_cancel_as_staff_tells_the_audit_trail(key: ApiKey) -> None:
    job = queue_job(key)

    assert cancel_as_staff(job).status == JobStatus.CANCELLED

    event = AuditEvent.objects.get(action=Action.JOB_CANCELLED)
    assert (event.subject_kind, event.subject_id) == ("job", str(job.pk))
    assert event.details == {"status": "cancelled"}


def test_cancel_as_staff_of_a_finished_job_tells_nothing(key: ApiKey) -> None:
    job = cancel(queue_job(key))

    with pytest.raises(JobFinished):
        cancel_as_staff(job)

    assert not AuditEvent.objects.filter(action=Action.JOB_CANCELLED).exists()
