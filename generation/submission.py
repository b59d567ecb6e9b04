"""Accepting a request as a job, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.trail import Subject

from . import dispatch
from .errors import IdempotencyKeyReused, InvalidRequest, JobFinished
from .models import GenerationJob, JobStatus
from .requests import GenerationRequest, storable, validate

_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Submitted:
    """`created` is False where the idempotency key had already made this job."""

    job: GenerationJob
    created: bool


def submit(*, key: ApiKey, request: GenerationRequest, idempotency_key: str | None = None) -> Submitted:
    """The job, durable once the surrounding transaction commits; a worker is woken then.

    Raises InvalidRequest (UnknownGenerator), IdempotencyKeyReused.
    """
    validate(request)
    if idempotency_key is None:
        return Submitted(_created(key, request), created=True)
    _validate_idempotency_key(idempotency_key)
    # Of two requests at once the unique constraint lets one in, and get_or_create reads its job.
    job, created = GenerationJob.objects.get_or_create(
        key=key, idempotency_key=idempotency_key, defaults=_fields(request)
    )
    if job.request_digest != request.digest:
        raise IdempotencyKeyReused
    if created:
        _announce()
    return Submitted(job, created)


def cancel(job: GenerationJob) -> GenerationJob:
    """The job as it is now: cancelled if it was queued; in progress it is stopped within about a second.

    Raises JobFinished.
    """
    unfinished = GenerationJob.objects.filter(pk=job.pk, status__in=(JobStatus.QUEUED, JobStatus.IN_PROGRESS))
    queued = When(status=JobStatus.QUEUED, then=Value(JobStatus.CANCELLED))
    asked = unfinished.update(
        cancel_requested_at=Coalesce(F("cancel_requested_at"), Now()),
        status=Case(queued, default=F("status")),
        finished_at=Case(When(status=JobStatus.QUEUED, then=Now()), default=None),
    )
    job.refresh_from_db()
    if not asked:
        raise JobFinished(job)
    return job


def cancel_as_staff(job: GenerationJob) -> GenerationJob:
    """As `cancel`, of somebody else's job: the audit trail says who did it."""
    with transaction.atomic():
        job = cancel(job)
        subject = Subject("job", str(job.pk), f"{job.key.name} ({job.key.prefix})")
        trail.record(Action.JOB_CANCELLED, subject, details={"status": job.status})
    return job


def _created(key: ApiKey, request: GenerationRequest) -> GenerationJob:
    job = GenerationJob.objects.create(key=key, **_fields(request))
    _announce()
    return job


def _fields(request: GenerationRequest) -> dict[str, object]:
    return {
        "generator": request.generator,
        "priority": request.priority,
        "request": request.chat_json,
        "metadata": dict(request.metadata),
        "request_digest": request.digest,
        "deadline_at": timezone.now() + timedelta(seconds=settings.GENERATION_DEADLINE_S),
    }


def _announce() -> None:
    transaction.on_commit(dispatch.job_queued, robust=True)


def _validate_idempotency_key(idempotency_key: str) -> None:
    if not 0 < len(idempotency_key) <= _KEY_LENGTH or storable(idempotency_key) != idempotency_key:
        raise InvalidRequest(
            f"An Idempotency-Key has 1 to {_KEY_LENGTH} characters.", param="Idempotency-Key"
        )
