"""How a claim ends: a result is stored, or the job goes back into the queue.

All of it is conditional on the claim being the current one, so a worker that was thought dead and comes back
late changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from llmbackends.texts import storable
from llmconfigs.models import LLMConfig
from usage import records
from usage.selectors import is_recorded

from .. import sql
from ..models import GenerationJob, JobStatus
from ..requests import storable_json
from . import attempts
from .attempt_usage import unwanted_usage_entry, usage_entry
from .claims import Claim, current, owned
from .outcomes import MOST_TOKENS, Outcome, Postponement, Trace

log = structlog.get_logger(__name__)


def finish(claim: Claim, outcome: Outcome) -> bool:
    """As finish_all."""
    return claim in finish_all({claim: outcome})


def finish_all(outcomes: Mapping[Claim, Outcome]) -> frozenset[Claim]:
    """Stores the results and what they used, in one transaction; returns the claims whose results are stored.

    The others were no longer current, so only what they used was stored.
    """
    with transaction.atomic():
        stored = _store(outcomes)
        records.store([usage_entry(claim, outcomes[claim]) for claim in stored])
        attempts.record([attempts.ended(claim, outcomes[claim]) for claim in stored])
    late = {claim: outcome for claim, outcome in outcomes.items() if claim not in stored}
    return frozenset(stored) | {claim for claim, outcome in late.items() if not _is_refused(claim, outcome)}


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
    ended = attempts.given_back(claim, unfinished.trace if unfinished else Trace())
    if postponement is not None:
        fields = {"run_after": sql.after(postponement.delay_s), "postponements": F("postponements") + 1}
        fields |= _traced(postponement.trace)
        ended = attempts.postponed(claim, postponement.trace)
    with transaction.atomic():
        if unfinished is not None:
            record_unwanted(claim, unfinished)
        is_current = bool(current([claim]).update(**requeued(), **fields))
        if is_current:
            attempts.record([ended])
        return is_current


def requeued() -> dict[str, Any]:
    """The update that ends a claim without a result: queued again, or cancelled if that was asked."""
    asked = Q(cancel_requested_at__isnull=False)
    return {
        "status": Case(When(asked, then=Value(JobStatus.CANCELLED)), default=Value(JobStatus.QUEUED)),
        "finished_at": Case(When(asked, then=Now()), default=None),
        "lease_expires_at": None,
    }


def _store(outcomes: Mapping[Claim, Outcome]) -> list[Claim]:
    """Those whose claims are current."""
    by_id = {claim.job_id: claim for claim in outcomes}
    rows, parameters = sql.values(
        GenerationJob, _COLUMNS, [_row(claim, outcome) for claim, outcome in outcomes.items()]
    )
    with connection.cursor() as cursor:
        cursor.execute(_STORE.format(rows=rows, now=sql.now()), parameters)
        return [by_id[GenerationJob._meta.pk.to_python(row[0])] for row in cursor.fetchall()]


def _is_refused(claim: Claim, outcome: Outcome) -> bool:
    # A commit whose confirmation was lost is tried again, and must not be taken for a stranger's.
    if owned(claim).filter(status=outcome.status).exists():
        return False
    log.warning(
        "late_result_refused", job_id=str(claim.job_id), attempt=claim.attempt, status=outcome.status.value
    )
    record_unwanted(claim, outcome)
    return True


_COLUMNS = (
    "id", "lease_owner", "attempt", "status", "text", "tokens_so_far", "tool_calls", "finish_reason",
    "prompt_tokens", "completion_tokens", "error_code", "error_message", "first_chunk_s", "duration_s",
    "failure_detail", "data", "warnings", "config_id", "config_name", "provider", "model_name",
)  # fmt: skip
_CONDITIONS = _COLUMNS[:3]
_ANSWERED_BY = _COLUMNS[17:]
_SET = ", ".join(f"{name} = new.new_{name}" for name in _COLUMNS[3:17])
# What an attempt that reached no model leaves is who answered before. The configuration may be gone by now.
_SET_ANSWERED_BY = ", ".join(
    f"{name} = CASE WHEN new.new_provider = '' THEN job.{name} ELSE {value} END"
    for name in _ANSWERED_BY
    for value in (
        "(SELECT config.id FROM llmconfigs_llmconfig AS config WHERE config.id = new.new_config_id)"
        if name == "config_id"
        else f"new.new_{name}",
    )
)
_STORE = f"""
WITH new({", ".join(f"new_{name}" for name in _COLUMNS)}) AS (VALUES {{rows}})
UPDATE generation_generationjob AS job
SET finished_at = {{now}}, lease_expires_at = NULL, {_SET}, {_SET_ANSWERED_BY}
FROM new
WHERE job.status = 'in_progress' AND {" AND ".join(f"job.{name} = new.new_{name}" for name in _CONDITIONS)}
RETURNING id
"""  # noqa: S608  (constants)


def _row(claim: Claim, outcome: Outcome) -> Sequence[Any]:
    usage, error, trace = outcome.usage, outcome.error, outcome.trace
    by = trace.answered_by
    return (
        claim.job_id,
        claim.owner,
        claim.attempt,
        outcome.status,
        storable(outcome.text),
        min(outcome.tokens_so_far, MOST_TOKENS),
        [{name: storable(value) for name, value in call.items()} for call in outcome.tool_calls],
        outcome.finish_reason or "",
        usage and usage.prompt_tokens,
        usage and usage.completion_tokens,
        error.code if error else "",
        error.message if error else "",
        trace.first_chunk_s,
        trace.duration_s,
        trace.failure_detail,
        storable_json(outcome.data),
        list(outcome.warnings),
        by and by.config_id,
        by.config_name if by else "",
        by.provider if by else "",
        by.model if by else "",
    )


def _traced(trace: Trace) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "first_chunk_s": trace.first_chunk_s,
        "duration_s": trace.duration_s,
        "failure_detail": trace.failure_detail,
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
