"""Jobs that nobody works on any more: leases that ran out, and jobs that waited past their deadline.

sweeping.py looks for them now and then, in one process at a time. The updates are conditional, so if two
should look at once each thing is done once all the same.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from ..failures import API_ERRORS
from ..models import GenerationJob, JobStatus
from . import attempts, endings

log = structlog.get_logger(__name__)

_BATCH = 200
_EXPIRED = Q(status=JobStatus.IN_PROGRESS, lease_expires_at__lt=Now())
_OVERDUE = Q(deadline_at__lte=Now())


def reap() -> int:
    """How many jobs were taken back or ended. A job with an expired lease is queued again, unless it was
    asked to be cancelled, is past its deadline, or has already cost too many workers their lives."""
    ended = _end_overdue()
    while expired := _expired_leases():
        ended += sum(_end_lease(job) for job in expired)
        if len(expired) < _BATCH:
            break
    return ended


def _expired_leases() -> list[GenerationJob]:
    expired = GenerationJob.objects.filter(_EXPIRED)
    return list(expired.defer("request", "text").annotate(is_overdue=_OVERDUE)[:_BATCH])


def _end_lease(job: Any) -> int:
    row = GenerationJob.objects.filter(_EXPIRED, pk=job.pk, lease_owner=job.lease_owner, attempt=job.attempt)
    what, fields = _ending(job)
    with transaction.atomic():
        ended = row.update(lost_leases=F("lost_leases") + 1, **fields)
        if ended:
            attempts.record([attempts.lost(job)])
    if ended:
        log.warning(
            "lease_lost", job_id=str(job.pk), lease_owner=job.lease_owner, attempt=job.attempt, job_is=what
        )
    return ended


def _ending(job: Any) -> tuple[str, dict[str, Any]]:
    """What becomes of a job whose worker went away, in a word for the log and as an update."""
    if job.cancel_requested_at is not None:
        return "cancelled", endings.requeued()
    if job.is_overdue:
        return "overdue", _failure("backend_timeout", "The worker went away, and the deadline has passed.")
    lost = job.lost_leases + 1
    if lost >= settings.GENERATION_MAX_ATTEMPTS:
        return "given up", _failure("internal_error", f"{lost} workers went away while they worked on it.")
    return "queued", {**endings.requeued(), "run_after": None}


def _end_overdue() -> int:
    overdue = GenerationJob.objects.filter(_OVERDUE, status=JobStatus.QUEUED)
    waited_for_model = overdue.filter(postponements__gt=0)
    ended = waited_for_model.update(**_error("backend_unavailable"))
    ended += overdue.update(
        **_error("expired"), failure_detail="No worker had room for it before its deadline."
    )
    if ended:
        log.warning("jobs_overdue", failed=ended)
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
