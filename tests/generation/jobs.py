"""Jobs and outcomes for the tests of this package."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apikeys.models import ApiKey
from generation.models import GenerationJob, JobStatus
from generation.queue import claims
from generation.queue.claims import Claim
from generation.queue.outcomes import AnsweredBy, Outcome, Trace
from llmbackends.types import FinishReason, TokenUsage
from tests.waiting import wait_until

TRACE = Trace(AnsweredBy(None, "", "dummy", "dummy"), first_chunk_s=0.1, duration_s=0.2)
COMPLETED = Outcome(
    status=JobStatus.COMPLETED,
    trace=TRACE,
    text="An answer.",
    finish_reason=FinishReason.STOP,
    usage=TokenUsage(3, 2),
)


def queue_job(key: ApiKey, *, deadline_in_s: float = 600, **fields: Any) -> GenerationJob:
    """A job as `submit` makes it, without waking anybody."""
    return GenerationJob.objects.create(
        key=key,
        deadline_at=timezone.now() + timedelta(seconds=deadline_in_s),
        **{"request": {"prompt": "Hello"}, "request_digest": "digest"} | fields,
    )


def many_like(job: GenerationJob, count: int) -> None:
    fields = {field.attname: getattr(job, field.attname) for field in GenerationJob._meta.fields}
    del fields["id"]
    GenerationJob.objects.bulk_create([GenerationJob(**fields) for _ in range(count)])


def seconds_ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def claim_next(owner: str) -> Claim | None:
    """The job that is next, now in progress under `owner`; None if nothing is due."""
    return next(iter(claims.claim_due(owner, 1)), None)


def wait_for_status(job: GenerationJob, status: JobStatus, *, timeout_s: float = 20) -> GenerationJob:
    def has_status() -> bool:
        job.refresh_from_db()
        return job.status == status

    try:
        wait_until(has_status, timeout_s=timeout_s)
    except AssertionError:
        raise AssertionError(f"The job is {job.status}, not {status}: {job.failure_detail}") from None
    return job
