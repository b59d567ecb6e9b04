from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from apikeys import issuing
from apikeys.models import ApiKey
from generation.accepting.submission import rerun, submit
from generation.errors import IdempotencyKeyReused, InvalidRequest, JobNotRerunnable, ResultExpired
from generation.models import GenerationJob, JobStatus
from generation.requests import GenerationRequest
from tests.generation.jobs import queue_job, seconds_ago

ASKED = GenerationRequest(
    messages=({"role": "user", "content": "Hi"},), priority=1, metadata={"order": "7"}, expires_in_s=90
)


def ended(key: ApiKey, status: JobStatus = JobStatus.FAILED) -> GenerationJob:
    job = submit(key=key, request=ASKED).job
    GenerationJob.objects.update(status=status, error_code="backend_error", attempt=3, postponements=2)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_rerun_is_a_new_job_that_asks_the_same_and_names_its_origin(key: ApiKey, status: JobStatus) -> None:
    job = ended(key, status)

    again = rerun(job, key=key).job

    again.refresh_from_db()
    assert again.pk != job.pk
    assert again.rerun_of == job.pk
    assert (again.request, again.priority, again.metadata) == (job.request, 1, {"order": "7"})
    assert (again.status, again.attempt, again.error_code) == (JobStatus.QUEUED, 0, "")
    assert again.deadline_at - again.created_at == pytest.approx(
        timedelta(seconds=90), abs=timedelta(seconds=1)
    )
    job.refresh_from_db()
    assert job.status == status


def test_rerun_belongs_to_who_asked_for_it(key: ApiKey) -> None:
    other = issuing.issue(name="Other", scopes=["generate", "manage"]).key

    assert rerun(ended(key), key=other).job.key == other


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED])
def test_rerun_of_what_has_not_failed_is_refused(key: ApiKey, status: JobStatus) -> None:
    job = ended(key, status)

    with pytest.raises(JobNotRerunnable):
        rerun(job, key=key)

    assert GenerationJob.objects.count() == 1


def test_rerun_of_what_has_been_deleted_is_refused(key: ApiKey) -> None:
    job = queue_job(key, status=JobStatus.FAILED, result_expired_at=seconds_ago(1), request={})

    with pytest.raises(ResultExpired):
        rerun(job, key=key)


def test_rerun_with_the_same_idempotency_key_is_the_same_job(key: ApiKey) -> None:
    job = ended(key)

    first = rerun(job, key=key, idempotency_key="again-7")
    GenerationJob.objects.filter(pk=job.pk).update(request={}, result_expired_at=seconds_ago(1))
    job.refresh_from_db()
    second = rerun(job, key=key, idempotency_key="again-7")

    assert (first.created, second.created) == (True, False)
    assert first.job == second.job
    assert GenerationJob.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_reruns_at_once_with_one_idempotency_key_make_one_job(key: ApiKey) -> None:
    job = ended(key)

    def run(_: int) -> bool:
        try:
            return rerun(job, key=key, idempotency_key="again-7").created
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        created = list(threads.map(run, range(8)))

    assert created.count(True) == 1
    assert GenerationJob.objects.filter(rerun_of=job.pk).count() == 1


def test_idempotency_key_of_another_request_is_refused(key: ApiKey) -> None:
    job, other = ended(key), queue_job(key, status=JobStatus.FAILED)
    submit(key=key, request=ASKED, idempotency_key="submitted")
    rerun(job, key=key, idempotency_key="again")

    for misuse in (
        lambda: rerun(job, key=key, idempotency_key="submitted"),
        lambda: rerun(other, key=key, idempotency_key="again"),
        lambda: submit(key=key, request=ASKED, idempotency_key="again"),
    ):
        with pytest.raises(IdempotencyKeyReused):
            misuse()


def test_deadline_of_a_request_is_its_own(key: ApiKey) -> None:
    job = submit(key=key, request=ASKED).job

    assert job.deadline_at - job.created_at == pytest.approx(timedelta(seconds=90), abs=timedelta(seconds=1))


@pytest.mark.parametrize("expires_in_s", [0, -1, 86_401])
def test_deadline_out_of_bounds_is_refused(key: ApiKey, expires_in_s: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        submit(key=key, request=GenerationRequest(prompt="Hi", expires_in_s=expires_in_s))

    assert caught.value.param == "expires_in_s"


def test_digest_of_a_request_without_a_deadline_is_what_it_was() -> None:
    """Idempotency keys of before an update keep their meaning."""
    digest = GenerationRequest(prompt="Hello", metadata={"a": "b"}).digest

    assert digest == "dbb55f24e86fb9b1022d80e6efef8d7111640a60a3d6bb737296734c3248afa8"
