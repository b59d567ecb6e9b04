"""A process that is frozen in a transaction keeps rows locked. Nobody may wait for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apikeys.models import ApiKey
from epochs.outside_pool import new_connection
from generation.models import GenerationJob, JobStatus
from generation.queue import claims, lapses
from generation.queue.outcomes import Progress
from tests.generation.jobs import queue_job, seconds_ago

# SQLite has no locks of rows, and its transactions are not open while anything is waited for.
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _impatient(transactional_db: None) -> Iterator[None]:
    """Who waits for a lock fails."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    yield
    connection.close()


@contextlib.contextmanager
def locked(job: GenerationJob) -> Iterator[None]:
    """By a transaction of somebody else."""
    other = new_connection()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM generation_generationjob WHERE id = %s FOR UPDATE", [job.pk])
            yield
    finally:
        other.close()


def lost(key: ApiKey) -> GenerationJob:
    return queue_job(
        key,
        status=JobStatus.IN_PROGRESS,
        attempt=1,
        lease_owner="dead",
        lease_expires_at=seconds_ago(1),
    )


def test_reaping_takes_back_the_jobs_beside_a_locked_one(key: ApiKey) -> None:
    frozen, other = lost(key), lost(key)

    with locked(frozen):
        assert lapses.reap() == 1
    assert lapses.reap() == 1

    for job in (frozen, other):
        job.refresh_from_db()
    assert (frozen.status, other.status) == (JobStatus.QUEUED, JobStatus.QUEUED)


def test_reaping_ends_the_overdue_jobs_beside_a_locked_one(key: ApiKey) -> None:
    frozen, other = queue_job(key, deadline_in_s=-1), queue_job(key, deadline_in_s=-1)

    with locked(frozen):
        assert lapses.reap() == 1

    other.refresh_from_db()
    assert other.status == JobStatus.FAILED


def test_claiming_goes_on_beside_a_late_job_that_is_locked(key: ApiKey) -> None:
    frozen, late = queue_job(key, run_after=seconds_ago(1)), queue_job(key, run_after=seconds_ago(1))

    with locked(frozen):
        claimed = claims.claim_due("worker", 8)

    assert [claim.job_id for claim in claimed] == [late.pk]


def test_leases_are_extended_and_progress_is_stored_beside_a_locked_job(key: ApiKey) -> None:
    frozen, other = queue_job(key), queue_job(key)
    held = claims.claim_due("worker", 2)
    GenerationJob.objects.update(lease_expires_at=seconds_ago(-1))

    with locked(frozen):
        claims.extend(held)
        claims.save_progress({claim: Progress("So far", 2) for claim in held})

    other.refresh_from_db()
    assert other.text == "So far"
    assert other.lease_expires_at is not None
    assert other.lease_expires_at > timezone.now() + timedelta(seconds=20)


def test_transaction_that_is_left_open_is_ended(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("30s",)
