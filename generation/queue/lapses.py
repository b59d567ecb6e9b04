"""Jobs that nobody works on any more: leases that ran out, and jobs that waited past their deadline.

sweeping.py looks for them now and then, in one process at a time. What is ended is locked first, so if two
should look at once each thing is done once all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from llmbackends.texts import Sentence, gettext_noop

from ..failures import API_ERRORS
from ..models import GenerationJob, JobStatus
from . import attempts, endings

log = structlog.get_logger(__name__)

_BATCH = 200
_OVERDUE = Q(deadline_at__lte=Now())
_WENT_AWAY = Sentence(gettext_noop("The worker went away, and the deadline has passed."))
_TOO_MANY = gettext_noop("%(lost)s workers went away while they worked on it.")
_NO_ROOM = Sentence(gettext_noop("No worker had room for it before its deadline."))


def reap() -> int:
    """How many jobs were taken back or ended. A job with an expired lease is queued again, unless it was
    asked to be cancelled, is past its deadline, or has already cost too many workers their lives."""
    return sum(_batch_by_batch(end) for end in (_end_waiting_for_model, _end_overdue, _end_leases))


def _batch_by_batch(end: Callable[[], int]) -> int:
    ended = 0
    while batch := end():
        ended += batch
        if batch < _BATCH:
            break
    return ended


def _batch(jobs: QuerySet[GenerationJob]) -> QuerySet[GenerationJob]:
    """Some of these jobs, locked. Those that somebody else has locked are left out: else a worker that is
    frozen while it stores a result would keep everybody from taking back what the others have lost."""
    return jobs.select_for_update(skip_locked=True)[:_BATCH]


def _end_leases() -> int:
    expired = GenerationJob.objects.filter(status=JobStatus.IN_PROGRESS, lease_expires_at__lt=Now())
    seen = expired.defer("request", "text").annotate(is_overdue=_OVERDUE)
    with transaction.atomic():
        jobs = list(_batch(seen))
        endings_of = [_end_lease(job) for job in jobs]
        attempts.record([attempts.lost(job) for job in jobs])
    for job, what in zip(jobs, endings_of, strict=True):
        log.warning(
            "lease_lost", job_id=str(job.pk), lease_owner=job.lease_owner, attempt=job.attempt, job_is=what
        )
    return len(jobs)


def _end_lease(job: GenerationJob) -> str:
    what, fields = _ending(job)
    GenerationJob.objects.filter(pk=job.pk).update(lost_leases=F("lost_leases") + 1, **fields)
    return what


def _ending(job: Any) -> tuple[str, dict[str, Any]]:
    """What becomes of a job whose worker went away, in a word for the log and as an update."""
    if job.cancel_requested_at is not None:
        return "cancelled", endings.requeued()
    if job.is_overdue:
        return "overdue", _failure("backend_timeout", _WENT_AWAY)
    lost = job.lost_leases + 1
    if lost >= settings.GENERATION_MAX_ATTEMPTS:
        return "given up", _failure("internal_error", Sentence(_TOO_MANY, lost=lost))
    return "queued", {**endings.requeued(), "run_after": None}


def _end_waiting_for_model() -> int:
    return _end_queued(Q(postponements__gt=0), **_error("backend_unavailable"))


def _end_overdue() -> int:
    return _end_queued(
        Q(postponements=0),
        **_error("expired"),
        failure_detail=_NO_ROOM,
    )


def _end_queued(which: Q, **fields: Any) -> int:
    overdue = GenerationJob.objects.filter(which, _OVERDUE, status=JobStatus.QUEUED)
    with transaction.atomic():
        ids = list(_batch(overdue).values_list("pk", flat=True))
        ended = GenerationJob.objects.filter(pk__in=ids).update(**fields)
    if ended:
        log.warning("jobs_overdue", failed=ended, code=fields["error_code"])
    return ended


def _failure(code: str, detail: str) -> dict[str, Any]:
    return {**_error(code), "failure_detail": detail, "lease_expires_at": None}


def _error(code: str) -> dict[str, Any]:
    return {
        "status": JobStatus.FAILED,
        "finished_at": Now(),
        "error_code": code,
        "error_message": API_ERRORS[code].message,
    }
