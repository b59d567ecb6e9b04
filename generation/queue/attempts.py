"""What staff see of each attempt at a job: a row that is written in the transaction that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from llmbackends.texts import Sentence, gettext_noop

from .. import sql
from ..models import AttemptOutcome, GenerationJob, JobAttempt
from .outcomes import Outcome, Trace

if TYPE_CHECKING:
    from .claims import Claim

MOST = 100
"""A job whose model is still away after so many attempts fails, however late its deadline is."""


_NO_SIGN_OF_LIFE = Sentence(gettext_noop("The worker gave no sign of life until its lease ran out."))


def ended(claim: Claim, outcome: Outcome) -> JobAttempt:
    """Of an attempt that ended its job."""
    attempt = _of(claim, AttemptOutcome(outcome.status.value), outcome.trace)
    if outcome.usage is not None:
        attempt.prompt_tokens = outcome.usage.prompt_tokens
        attempt.completion_tokens = outcome.usage.completion_tokens
    return attempt


def postponed(claim: Claim, trace: Trace) -> JobAttempt:
    return _of(claim, AttemptOutcome.POSTPONED, trace)


def given_back(claim: Claim, trace: Trace) -> JobAttempt:
    return _of(claim, AttemptOutcome.GIVEN_BACK, trace)


def lost(job: GenerationJob) -> JobAttempt:
    """Of the attempt that `job` is in: its worker went away."""
    return JobAttempt(
        job_id=job.pk,
        number=job.attempt,
        owner=job.lease_owner,
        started_at=job.claimed_at,
        ended_at=timezone.now(),
        outcome=AttemptOutcome.LEASE_LOST,
        reason=_NO_SIGN_OF_LIFE,
    )


def record(attempts: Sequence[JobAttempt]) -> None:
    """One that is recorded already, because the confirmation of a commit was lost, stays as it is."""
    if attempts:
        rows, parameters = sql.values(
            JobAttempt, _COLUMNS, [[getattr(attempt, name) for name in _COLUMNS] for attempt in attempts]
        )
        with connection.cursor() as cursor:
            cursor.execute(_INSERT.format(rows=rows), parameters)


_COLUMNS = [str(field.column) for field in JobAttempt._meta.concrete_fields if not field.primary_key]
_INSERT = (
    f"INSERT INTO {JobAttempt._meta.db_table} ({', '.join(_COLUMNS)}) VALUES {{rows}} ON CONFLICT DO NOTHING"  # noqa: S608  (constants)
)


def _of(claim: Claim, outcome: AttemptOutcome, trace: Trace) -> JobAttempt:
    return JobAttempt(
        job_id=claim.job_id,
        number=claim.attempt,
        owner=claim.owner,
        started_at=claim.claimed_at,
        ended_at=timezone.now(),
        outcome=outcome,
        reason=trace.failure_detail,
        **_answered_by(trace),
    )


def _answered_by(trace: Trace) -> dict[str, Any]:
    by = trace.answered_by
    if by is None:
        return {}
    return {
        "config_id": by.config_id,
        "config_name": by.config_name,
        "provider": by.provider,
        "model_name": by.model,
    }
