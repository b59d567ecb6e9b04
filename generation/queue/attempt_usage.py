"""The usage record of one attempt at a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmbackends.types import TokenUsage
from usage.entries import Outcome as UsageOutcome
from usage.entries import UsageEntry

from .outcomes import NOTHING_USED, Outcome

if TYPE_CHECKING:
    from .claims import Claim

ROUTE = "jobs"
UNWANTED = "superseded"
"""The error code of an attempt whose result is not the job's: it used tokens all the same."""


def usage_entry(claim: Claim, outcome: Outcome) -> UsageEntry:
    """Of an attempt that ended its job. The job's id stands for the request's."""
    error_code = outcome.error.code if outcome.error else ""
    return _entry(claim, outcome, UsageOutcome(outcome.status.value), error_code)


def unwanted_usage_entry(claim: Claim, outcome: Outcome) -> UsageEntry | None:
    """Of an attempt whose job somebody else ends; None if it used nothing."""
    if not _has_used(outcome):
        return None
    return _entry(claim, outcome, UsageOutcome.CANCELLED, UNWANTED)


def _entry(claim: Claim, outcome: Outcome, ended: UsageOutcome, error_code: str) -> UsageEntry:
    trace, used = outcome.trace, _used(outcome)
    by = trace.answered_by
    return UsageEntry(
        at=claim.claimed_at,
        request_id=str(claim.job_id),
        api_key_id=claim.key_id,
        route=ROUTE,
        is_streamed=False,
        outcome=ended,
        error_code=error_code,
        config_id=by.config_id if by else None,
        config_name=by.config_name if by else "",
        provider=by.provider if by else "",
        model_name=by.model if by else "",
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        is_estimated=outcome.usage is None and _has_used(outcome),
        duration_s=trace.duration_s or 0.0,
        first_token_s=trace.first_chunk_s,
    )


def _has_used(outcome: Outcome) -> bool:
    """Before the first token the model may not even have been asked, which is taken to cost nothing."""
    return outcome.trace.first_chunk_s is not None


def _used(outcome: Outcome) -> TokenUsage:
    if outcome.usage is not None:
        return outcome.usage
    return outcome.estimate if _has_used(outcome) else NOTHING_USED
