"""Who works on which job, settled in the database by conditional updates.

A claim is a row in progress with a lease: an owner, an attempt number and an end, by the database's clock.
Everything a worker writes is conditional on its claim being the current one, so a worker that was thought
dead and comes back late changes nothing. Leases that ran out are taken back by lapses.py.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, F, PositiveIntegerField, Q, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from llmbackends.types import JsonObject
from llmconfigs.models import LLMConfig
from usage import records
from usage.selectors import is_recorded

from .attempt_usage import unwanted_usage_entry, usage_entry
from .models import GenerationJob, GenerationJobQuerySet, JobStatus
from .outcomes import Outcome, Postponement, Progress, Trace
from .requests import storable

_TOKENS = PositiveIntegerField()
_MOST_TOKENS = 2**31 - 1
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job of the API key `key_id`. `remaining_s`: until the job's deadline, from the
    moment of the claim; `last_failure`: why the attempt before was postponed, for staff."""

    job_id: uuid.UUID
    key_id: int
    owner: str
    attempt: int
    request: JsonObject = field(repr=False, compare=False)
    postponements: int
    claimed_at: datetime
    remaining_s: float
    last_failure: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Signals:
    """What happened to claims meanwhile: taken away, or asked to be cancelled."""

    lost: frozenset[Claim]
    cancelled: frozenset[Claim]


def claim_next(owner: str) -> Claim | None:
    """The most urgent job that is due, now in progress under `owner`; None if nothing is due."""
    while True:
        with _row_lock():
            job = _due().annotate(now=Now()).first()
            if job is None:
                return None
            if _take(job, owner):
                return _claim(job, owner)
        # SQLite has no row locks: another worker was quicker, so look again.


def extend(claims: Iterable[Claim]) -> None:
    """Renews the leases of all claims that are still current."""
    _current(claims).update(lease_expires_at=_after(settings.GENERATION_LEASE_S))


def signals(claims: Sequence[Claim]) -> Signals:
    rows = _current(claims).values_list("pk", "attempt", "cancel_requested_at")
    asked_at = {(job_id, attempt): requested_at for job_id, attempt, requested_at in rows}
    return Signals(
        lost=frozenset(claim for claim in claims if (claim.job_id, claim.attempt) not in asked_at),
        cancelled=frozenset(claim for claim in claims if asked_at.get((claim.job_id, claim.attempt))),
    )


def save_progress(running: Mapping[Claim, Progress]) -> None:
    """How far each claim's job has come, for whoever watches it."""
    texts = [
        When(pk=claim.job_id, attempt=claim.attempt, then=Value(storable(progress.text), TextField()))
        for claim, progress in running.items()
    ]
    tokens = [
        When(pk=claim.job_id, attempt=claim.attempt, then=Value(min(progress.tokens, _MOST_TOKENS), _TOKENS))
        for claim, progress in running.items()
    ]
    _current(running).update(
        text=Case(*texts, default=F("text")), tokens_so_far=Case(*tokens, default=F("tokens_so_far"))
    )


def finish(claim: Claim, outcome: Outcome) -> bool:
    """Stores the result and what it used. False: the claim is no longer the current one, so only what it used
    was stored."""
    with transaction.atomic():
        if _current([claim]).update(finished_at=Now(), lease_expires_at=None, **_result(outcome)):
            records.store([usage_entry(claim, outcome)])
            return True
    # A commit whose confirmation was lost is tried again, and must not be taken for a stranger's.
    if _owned(claim).filter(status=outcome.status).exists():
        return True
    log.warning(
        "late_result_refused", job_id=str(claim.job_id), attempt=claim.attempt, status=outcome.status.value
    )
    record_unwanted(claim, outcome)
    return False


def record_unwanted(claim: Claim, outcome: Outcome) -> None:
    """Stores what was used by an attempt whose result is not the job's.

    Once, also when it is repeated because the confirmation of its commit was lost.
    """
    entry = unwanted_usage_entry(claim, outcome)
    if entry is not None and not is_recorded(entry):
        records.store([entry])


def give_back(
    claim: Claim, postponement: Postponement | None = None, *, unfinished: Outcome | None = None
) -> bool:
    """Back into the queue: at once (this process stops), or after the postponement's delay.

    A job that was asked to be cancelled meanwhile is cancelled. False: the claim is not current any more.
    unfinished: what the attempt had come to; what it used is stored.
    """
    fields: dict[str, Any] = {"run_after": None}
    if postponement is not None:
        fields = {"run_after": _after(postponement.delay_s), "postponements": F("postponements") + 1}
        fields |= _traced(postponement.trace)
    with transaction.atomic():
        if unfinished is not None:
            record_unwanted(claim, unfinished)
        return bool(_current([claim]).update(**requeued(), **fields))


def requeued() -> dict[str, Any]:
    """The update that ends a claim without a result: queued again, or cancelled if that was asked."""
    asked = Q(cancel_requested_at__isnull=False)
    return {
        "status": Case(When(asked, then=Value(JobStatus.CANCELLED)), default=Value(JobStatus.QUEUED)),
        "finished_at": Case(When(asked, then=Now()), default=None),
        "lease_expires_at": None,
    }


def _row_lock() -> contextlib.AbstractContextManager[Any]:
    """What keeps the row of `_due` ours until it is taken: a transaction, where rows can be locked.

    Elsewhere (SQLite) a transaction would make every look at an empty queue wait for the write lock.
    """
    locks = connection.features.has_select_for_update_skip_locked
    return transaction.atomic() if locks else contextlib.nullcontext()


def _due() -> GenerationJobQuerySet:
    due = GenerationJob.objects.filter(
        Q(run_after__isnull=True) | Q(run_after__lte=Now()), status=JobStatus.QUEUED, deadline_at__gt=Now()
    ).order_by("priority", "pk")
    if connection.features.has_select_for_update_skip_locked:
        return due.select_for_update(skip_locked=True)
    return due


def _take(job: GenerationJob, owner: str) -> int:
    return GenerationJob.objects.filter(pk=job.pk, status=JobStatus.QUEUED, attempt=job.attempt).update(
        status=JobStatus.IN_PROGRESS,
        attempt=job.attempt + 1,
        lease_owner=owner,
        lease_expires_at=_after(settings.GENERATION_LEASE_S),
        started_at=Coalesce(F("started_at"), Now()),
        text="",
        tokens_so_far=0,
    )


def _claim(job: Any, owner: str) -> Claim:
    return Claim(
        job_id=job.pk,
        key_id=job.key_id,
        owner=owner,
        attempt=job.attempt + 1,
        request=job.request,
        postponements=job.postponements,
        claimed_at=job.now,
        remaining_s=(job.deadline_at - job.now).total_seconds(),
        last_failure=job.failure_detail,
    )


def _after(delay_s: float) -> Combinable:
    """That many seconds from now, by the clock that all workers share."""
    return Now() + Value(timedelta(seconds=delay_s))


def _owned(claim: Claim) -> GenerationJobQuerySet:
    return GenerationJob.objects.filter(pk=claim.job_id, lease_owner=claim.owner, attempt=claim.attempt)


def _current(claims: Iterable[Claim]) -> GenerationJobQuerySet:
    """The rows whose claim is one of these. The condition is one OR of all, for one statement."""
    conditions = Q(pk__in=[])
    for claim in claims:
        conditions |= Q(pk=claim.job_id, lease_owner=claim.owner, attempt=claim.attempt)
    return GenerationJob.objects.filter(conditions, status=JobStatus.IN_PROGRESS)


def _result(outcome: Outcome) -> dict[str, Any]:
    usage, error = outcome.usage, outcome.error
    return {
        "status": outcome.status,
        "text": storable(outcome.text),
        "tokens_so_far": min(outcome.tokens_so_far, _MOST_TOKENS),
        "tool_calls": [
            {name: storable(value) for name, value in call.items()} for call in outcome.tool_calls
        ],
        "finish_reason": outcome.finish_reason or "",
        "prompt_tokens": usage and usage.prompt_tokens,
        "completion_tokens": usage and usage.completion_tokens,
        "error_code": error.code if error else "",
        "error_message": error.message if error else "",
        **_traced(outcome.trace),
    }


def _traced(trace: Trace) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "first_chunk_s": trace.first_chunk_s,
        "duration_s": trace.duration_s,
        "failure_detail": storable(trace.failure_detail),
    }
    if answered_by := trace.answered_by:
        fields |= {
            # A subquery: the row may have been deleted while it answered, and then this is null.
            "config_id": answered_by.config_id
            and LLMConfig.objects.filter(pk=answered_by.config_id).values("pk")[:1],
            "config_name": answered_by.config_name,
            "provider": answered_by.provider,
            "model_name": answered_by.model,
        }
    return fields
