"""How busy the workers are, for staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from ..models import GenerationJob, JobStatus


@dataclass(frozen=True, slots=True)
class QueueState:
    """`oldest_at`: when the oldest job that still waits came in; None if none waits."""

    queued: int
    in_progress: int
    oldest_at: datetime | None


def queue_state() -> QueueState:
    """One query, in which the partial index of each status does its part: jobs that ended cost nothing."""
    halves = [
        GenerationJob.objects.filter(status=status)
        .order_by()
        .values("status")
        .annotate(jobs=Count("pk"), oldest_at=Min("created_at"))
        .values_list("status", "jobs", "oldest_at")
        for status in (JobStatus.QUEUED, JobStatus.IN_PROGRESS)
    ]
    found = {status: (jobs, oldest_at) for status, jobs, oldest_at in halves[0].union(halves[1], all=True)}
    queued, oldest_at = found.get(JobStatus.QUEUED, (0, None))
    in_progress, _ = found.get(JobStatus.IN_PROGRESS, (0, None))
    return QueueState(queued, in_progress, oldest_at)


def jobs_in_progress(most: int) -> list[GenerationJob]:
    """Those that have run longest, without what was asked and answered."""
    return list(
        GenerationJob.objects.filter(status=JobStatus.IN_PROGRESS)
        .select_related("key")
        .only("status", "started_at", "created_at", "config_name", "attempt", "key__name")
        .order_by("started_at")[:most]
    )
