from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import ApiKey
from generation.models import JobStatus
from generation.queue.load import QueueState, jobs_in_progress, queue_state

from ..jobs import queue_job, seconds_ago


@pytest.mark.django_db
def test_empty_queue_has_no_oldest_job() -> None:
    assert queue_state() == QueueState(0, 0, None)


def test_queue_counts_what_has_not_ended(key: ApiKey) -> None:
    oldest = queue_job(key)
    queue_job(key)
    queue_job(key, status=JobStatus.IN_PROGRESS)
    queue_job(key, status=JobStatus.COMPLETED, finished_at=timezone.now())

    assert queue_state() == QueueState(2, 1, oldest.created_at)


def test_queue_is_read_with_one_query(key: ApiKey) -> None:
    queue_job(key)

    with CaptureQueriesContext(connection) as queries:
        queue_state()

    assert len(queries) == 1


def test_jobs_in_progress_begin_with_the_longest(key: ApiKey) -> None:
    late, early, middle = (
        queue_job(key, status=JobStatus.IN_PROGRESS, started_at=seconds_ago(seconds)) for seconds in (1, 9, 5)
    )

    assert jobs_in_progress(2) == [early, middle]
    assert late not in jobs_in_progress(2)


def test_jobs_in_progress_are_read_with_their_keys(key: ApiKey) -> None:
    queue_job(key, status=JobStatus.IN_PROGRESS, started_at=seconds_ago(1))

    with CaptureQueriesContext(connection) as queries:
        names = [job.key.name for job in jobs_in_progress(5)]

    assert (names, len(queries)) == (["Client"], 1)
