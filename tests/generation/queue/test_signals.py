from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import GenerationJob, JobStatus
from generation.queue.claims import Claim, extend, save_progress, signals
from generation.queue.endings import give_back
from generation.queue.outcomes import Progress
from tests.generation.jobs import claim_next, queue_job, seconds_ago

_LOCK_AND_CHANGE = 4
"""Statements, with the begin and the end of the transaction."""


def claimed(key: ApiKey) -> tuple[GenerationJob, Claim]:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None
    return job, claim


def test_signals_tell_lost_claims_and_cancellations_apart(key: ApiKey) -> None:
    (_, undisturbed), (_, lost), (cancelled_job, cancelled) = (claimed(key) for _ in range(3))
    give_back(lost)
    submission.cancel(cancelled_job)

    found = signals([undisturbed, lost, cancelled])

    assert found.lost == {lost}
    assert found.cancelled == {cancelled}


def test_signals_count_a_claim_that_another_attempt_replaced_as_lost(key: ApiKey) -> None:
    _, old = claimed(key)
    give_back(old)
    new = claim_next("worker")
    assert new is not None

    found = signals([old, new])

    assert (found.lost, found.cancelled) == ({old}, frozenset())


def test_extend_renews_current_leases_however_many_at_once(
    key: ApiKey, django_assert_num_queries: object
) -> None:
    claims = [claimed(key) for _ in range(3)]
    GenerationJob.objects.update(lease_expires_at=seconds_ago(1))

    with django_assert_num_queries(_LOCK_AND_CHANGE):  # type: ignore[operator]
        extend([claim for _, claim in claims])

    soonest = min(GenerationJob.objects.values_list("lease_expires_at", flat=True))
    assert soonest > timezone.now() + timedelta(seconds=20)


def test_extend_leaves_a_job_alone_that_has_another_owner(key: ApiKey) -> None:
    job, claim = claimed(key)
    expired_at = seconds_ago(1)
    GenerationJob.objects.update(lease_owner="other", lease_expires_at=expired_at)

    extend([claim])

    job.refresh_from_db()
    assert job.lease_expires_at == expired_at


def test_save_progress_writes_how_far_the_job_is_of_each_current_claim(
    key: ApiKey, django_assert_num_queries: object
) -> None:
    (first_job, first), (second_job, second), (lost_job, lost) = (claimed(key) for _ in range(3))
    GenerationJob.objects.filter(pk=lost_job.pk).update(status=JobStatus.QUEUED, text="")

    with django_assert_num_queries(_LOCK_AND_CHANGE):  # type: ignore[operator]
        save_progress({first: Progress("One", 1), second: Progress("Two", 2), lost: Progress("Late", 3)})

    stored = {job.pk: (job.text, job.tokens) for job in GenerationJob.objects.all()}
    assert stored == {first_job.pk: ("One", 1), second_job.pk: ("Two", 2), lost_job.pk: ("", 0)}
