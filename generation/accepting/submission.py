"""Accepting a request as a job, taking it back, and running it again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.trail import Subject
from background.threads import in_thread
from epochs.current import Epochs, current
from generators import effort
from generators.definition import Definition
from generators.known import Generators, known, known_now
from llmbackends.texts import storable

from ..errors import (
    GeneratorRetired,
    IdempotencyKeyReused,
    InvalidRequest,
    JobFinished,
    JobNotRerunnable,
    UnknownGenerator,
)
from ..models import GenerationJob, JobStatus
from ..requests import GenerationRequest, request_of, validate
from . import dispatch, intake

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
    _validate_idempotency_key(idempotency_key)
    try:
        fields = _accepted(request, known_now())
    except InvalidRequest:
        if (before := _same_before(key, request, idempotency_key)) is None:
            raise
        return Submitted(before, created=False)
    if idempotency_key is None:
        job = GenerationJob.objects.create(key=key, **fields)
        _announce()
        return Submitted(job, created=True)
    # Of two requests at once the unique constraint lets one in, and get_or_create reads its job.
    job, created = GenerationJob.objects.get_or_create(
        key=key, idempotency_key=idempotency_key, defaults=fields
    )
    if created:
        _announce()
    return _submitted(job, request, created=created)


async def submit_durably(
    *,
    key: ApiKey,
    request: GenerationRequest,
    idempotency_key: str | None = None,
    epochs: Epochs | None = None,
) -> Submitted:
    """As `submit`, for an event loop: the job is committed when it returns, together with those of others.

    epochs: what a check that began after the request had arrived has found; None: makes one now.

    Raises django.db.OperationalError too, which leaves open whether the job was accepted.
    """
    _validate_idempotency_key(idempotency_key)
    generators = await known(epochs or await current())
    try:
        fields = await effort.here_or_beside(_accepted, request, generators)
    except InvalidRequest:
        if (before := await in_thread(_same_before, key, request, idempotency_key)) is None:
            raise
        return Submitted(before, created=False)
    new = GenerationJob(key=key, idempotency_key=idempotency_key, created_at=timezone.now(), **fields)
    job = await intake.accept(new)
    return _submitted(job, request, created=job is new)


def rerun(job: GenerationJob, *, key: ApiKey, idempotency_key: str | None = None) -> Submitted:
    """A new job of `key` that asks for the same as one that has failed or was cancelled, and names it.

    Raises JobNotRerunnable (GeneratorRetired), ResultExpired, InvalidRequest, IdempotencyKeyReused.
    """
    if idempotency_key is not None:
        _validate_idempotency_key(idempotency_key)
        # Before anything is asked of the first job: what it was may have been deleted since.
        if before := GenerationJob.objects.filter(key=key, idempotency_key=idempotency_key).first():
            return _rerun_before(before, job)
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise JobNotRerunnable(job)
    request = request_of(job)
    definition = known_now().offered(request.generator)
    if definition is None:
        raise GeneratorRetired(job)
    fields = _fields(request, definition) | {"rerun_of": job.pk}
    if idempotency_key is None:
        again, created = GenerationJob.objects.create(key=key, **fields), True
    else:
        again, created = GenerationJob.objects.get_or_create(
            key=key, idempotency_key=idempotency_key, defaults=fields
        )
    if not created:
        return _rerun_before(again, job)
    _announce()
    return Submitted(again, created=True)


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


def _submitted(job: GenerationJob, request: GenerationRequest, *, created: bool) -> Submitted:
    if not created and (job.request_digest != request.digest or job.rerun_of is not None):
        raise IdempotencyKeyReused
    return Submitted(job, created)


def _rerun_before(again: GenerationJob, job: GenerationJob) -> Submitted:
    if again.rerun_of != job.pk:
        raise IdempotencyKeyReused
    return Submitted(again, created=False)


def _same_before(
    key: ApiKey, request: GenerationRequest, idempotency_key: str | None
) -> GenerationJob | None:
    """The job that this very request has made, when its generator was still offered as it was then."""
    if idempotency_key is None:
        return None
    made = GenerationJob.objects.filter(key=key, idempotency_key=idempotency_key, rerun_of__isnull=True)
    with suppress(RecursionError):  # it was refused for its depth
        return made.filter(request_digest=request.digest).first()
    return None


def _accepted(request: GenerationRequest, generators: Generators) -> dict[str, Any]:
    """The fields of its job. Raises InvalidRequest, also for a request that the generator does not take."""
    definition = generators.offered(request.generator)
    if definition is None:
        raise UnknownGenerator(request.generator, known=generators.offered_names)
    validate(request, definition)
    return _fields(request, definition)


def _fields(request: GenerationRequest, definition: Definition) -> dict[str, Any]:
    expires_in_s = request.expires_in_s or settings.GENERATION_DEADLINE_S
    return {
        "generator": definition.public_name,
        "priority": request.priority,
        "request": request.chat_json,
        "metadata": dict(request.metadata),
        "request_digest": request.digest,
        "deadline_at": timezone.now() + timedelta(seconds=expires_in_s),
    }


def _announce() -> None:
    transaction.on_commit(dispatch.jobs_queued, robust=True)


def _validate_idempotency_key(idempotency_key: str | None) -> None:
    if idempotency_key is None:
        return
    if not 0 < len(idempotency_key) <= _KEY_LENGTH or storable(idempotency_key) != idempotency_key:
        raise InvalidRequest(
            f"An Idempotency-Key has 1 to {_KEY_LENGTH} characters.", param="Idempotency-Key"
        )
