"""What becomes of a claim: delivered, to be sent again, or given up; and what it says of the endpoint.

Conditional on the claim being the current one, so a sender that was thought dead and comes back late changes
nothing. Locks: the endpoint first, the delivery after it, the trail's end last.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from audit import trail
from audit.actions import Action
from audit.trail import Subject
from generation import sql
from llmbackends.texts import Sentence, gettext_noop

from . import schedule
from .claims import Claim, current, is_test
from .models import (
    AttemptOutcome,
    DeliveryStatus,
    DisabledBecause,
    GivenUpBecause,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

log = structlog.get_logger(__name__)

_GONE = 410
_OUR_OWN = (AttemptOutcome.STOPPED, AttemptOutcome.NOT_SENT)
"""Which say nothing of the endpoint."""

_SUCCESS_IS_OLD_S = 10.0

_STOPPED = Sentence(gettext_noop("The sender was stopped before there was an answer."))


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt went. `reason`: for staff; `retry_after_s`: what the receiver asked for."""

    outcome: AttemptOutcome
    started_at: datetime
    duration_s: float
    status_code: int | None = None
    reason: str = ""
    retry_after_s: float | None = None

    @property
    def is_gone(self) -> bool:
        return self.status_code == _GONE


def stopped() -> Result:
    """Of an attempt that was broken off since the process stops."""
    return Result(
        AttemptOutcome.STOPPED,
        timezone.now(),
        0.0,
        reason=_STOPPED,
    )


def store(claim: Claim, result: Result) -> bool:
    """False: the claim is not current any more, so the delivery stays as it is."""
    with transaction.atomic():
        # Locked from here on, so that whoever removes it with all that belongs to it leaves nothing behind.
        endpoints = WebhookEndpoint.objects.filter(pk=claim.endpoint_id)
        endpoint = endpoints.select_for_update(no_key=True).first()
        has_moved = endpoint is not None and endpoint.url != claim.url
        delivery = WebhookDelivery.objects.filter(current(claim))
        becomes = _becomes(claim, result, has_moved=has_moved)
        is_current = bool(delivery.update(lease_expires_at=None, **becomes))
        if is_current:
            WebhookAttempt.objects.create(**_attempt(claim), **_columns(result))
        if is_current and endpoint is not None and not has_moved:
            _note_endpoint(endpoint, claim, result)
    # A commit whose confirmation was lost is tried again, and must not be taken for a stranger's.
    if not is_current and not WebhookAttempt.objects.filter(**_attempt(claim)).exists():
        log.warning("late_delivery_refused", message=claim.message_id, attempt=claim.attempt)
    return is_current


def _becomes(claim: Claim, result: Result, *, has_moved: bool) -> dict[str, Any]:
    """has_moved: the endpoint has another URL by now, so what the old one answered is no matter of it, unless
    that took the message."""
    finished = {"finished_at": Now(), "next_attempt_at": None}
    if result.outcome is AttemptOutcome.DELIVERED:
        return {"status": DeliveryStatus.DELIVERED, **finished}
    if has_moved or result.outcome is AttemptOutcome.STOPPED:
        return {"next_attempt_at": Now()}
    failed = {"status": DeliveryStatus.FAILED, "round_failures": F("round_failures") + 1, **finished}
    if not claim.body:
        return {**failed, "given_up_because": GivenUpBecause.JOB_GONE}
    if is_test(claim) or result.is_gone:
        return failed
    pause_s = schedule.pause_s(
        claim.failures + 1,
        round_age_s=claim.round_age_s,
        retry_for_s=settings.WEBHOOK_RETRY_FOR_S,
        asked_s=result.retry_after_s,
        randomness=random.random,
    )
    if pause_s is None:
        return failed
    return {"round_failures": F("round_failures") + 1, "next_attempt_at": sql.after(pause_s)}


def _note_endpoint(endpoint: WebhookEndpoint, claim: Claim, result: Result) -> None:
    row = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    if result.outcome is AttemptOutcome.DELIVERED:
        _note_success(row)
    elif result.outcome not in _OUR_OWN:
        because = _note_failure(row, claim, result)
        if because is not None:
            _record_disabling(endpoint, because, result)


def _note_success(endpoint: Any) -> None:
    """Seldom, where nothing else changes: each would leave a dead version of the row behind."""
    long_ago = Q(succeeded_at__isnull=True) | Q(succeeded_at__lt=sql.after(-_SUCCESS_IS_OLD_S))
    endpoint.filter(long_ago | Q(failing_since__isnull=False)).update(
        succeeded_at=Now(), failing_since=None, held_until=None
    )


def _note_failure(endpoint: Any, claim: Claim, result: Result) -> DisabledBecause | None:
    """Why it was switched off just now, if it was."""
    if not is_test(claim):
        endpoint.filter(failing_since__isnull=True).update(failing_since=Now())
    if hold_s := schedule.hold_s(result.retry_after_s):
        endpoint.update(held_until=sql.after(hold_s))
    if result.is_gone:
        return _disable(endpoint, DisabledBecause.GONE)
    too_long = endpoint.filter(failing_since__lte=sql.after(-settings.WEBHOOK_DISABLE_AFTER_S))
    return None if is_test(claim) else _disable(too_long, DisabledBecause.FAILING)


def _disable(endpoint: Any, because: DisabledBecause) -> DisabledBecause | None:
    disabled = endpoint.filter(disabled_at__isnull=True).update(
        disabled_at=Now(),
        disabled_because=because,
        noticed_at=None,
        failing_since=Coalesce("failing_since", Now()),
    )
    return because if disabled else None


def _record_disabling(endpoint: WebhookEndpoint, because: DisabledBecause, result: Result) -> None:
    """Of the URL only where it leads: its path may be what keeps strangers out."""
    log.error(
        "webhook_switched_off", endpoint=str(endpoint.pk), origin=endpoint.origin, because=because.value,
        last_failure=result.reason,
    )  # fmt: skip
    trail.record(
        Action.WEBHOOK_DISABLED,
        Subject("webhook", str(endpoint.pk), endpoint.origin),
        details={"because": because.value, "last_failure": result.reason},
    )


def _attempt(claim: Claim) -> dict[str, Any]:
    return {"delivery_id": claim.delivery_id, "number": claim.attempt}


def _columns(result: Result) -> dict[str, Any]:
    return {
        "started_at": result.started_at,
        "duration_s": result.duration_s,
        "outcome": result.outcome,
        "status_code": result.status_code,
        "reason": result.reason,
    }
