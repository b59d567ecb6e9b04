"""Requests to activate a configuration, which wait for a second person; approving is in activation.py.

Each change of a request's state is a conditional UPDATE: of two who decide at once one succeeds.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.actions import Action
from audit.context import Actor
from epochs.advancing import advance
from epochs.subjects import Subject

from .building import ensure_buildable
from .errors import (
    AlreadyRequested,
    ConfigChangedMeanwhile,
    ConfigGone,
    NotYourRequest,
    RequestNotPending,
)
from .models import ActivationRequest, LLMConfig, RequestState
from .specs import spec_from_config


def subject_of(request: ActivationRequest) -> trail.Subject:
    return trail.Subject("activation_request", str(request.pk), request.config_name)


def make(config: LLMConfig, *, by: Actor, reason: str = "") -> ActivationRequest:
    """For the row as the caller has seen it. Raises AlreadyRequested, ConfigGone, ConfigChangedMeanwhile, and
    ConfigurationError if no backend could be built from it."""
    now = timezone.now()
    with transaction.atomic():
        advance(Subject.CONFIGS)  # so that the row stays as it is until the request is there
        stored = LLMConfig.objects.filter(pk=config.pk).first()
        if stored is None:
            raise ConfigGone(config.name)
        if stored.version != config.version:
            raise ConfigChangedMeanwhile(config.name)
        ensure_buildable(spec_from_config(stored))
        expire_overdue(now)
        if ActivationRequest.objects.pending(now).filter(config_id=stored.pk).exists():
            raise AlreadyRequested(stored.name)
        request: ActivationRequest = ActivationRequest.objects.create(
            config_id=stored.pk,
            config_name=stored.name,
            config_version=stored.version,
            requested_by_id=by.user_id,
            requested_by_name=by.name[:200],
            requested_at=now,
            reason=reason,
            expires_at=now + timedelta(seconds=settings.ACTIVATION_REQUEST_TTL_S),
        )
        details = {"config": stored.pk, "version": stored.version, "reason": reason}
        trail.record(Action.ACTIVATION_REQUESTED, subject_of(request), details=details)
    return request


def reject(request: ActivationRequest, *, by: Actor, reason: str = "") -> None:
    """Raises RequestNotPending."""
    with transaction.atomic():
        settle(request, RequestState.REJECTED, by=by, reason=reason)
        trail.record(Action.ACTIVATION_REJECTED, subject_of(request), details={"reason": reason})


def withdraw(request: ActivationRequest, *, by: Actor) -> None:
    """Raises RequestNotPending, and NotYourRequest."""
    if not request.was_made_by(by):
        raise NotYourRequest(request.config_name)
    with transaction.atomic():
        settle(request, RequestState.WITHDRAWN, by=by)
        trail.record(Action.ACTIVATION_WITHDRAWN, subject_of(request))


def settle(request: ActivationRequest, state: RequestState, *, by: Actor, reason: str = "") -> None:
    """From pending to `state`, if it still is. Raises RequestNotPending with what it is instead."""
    now = timezone.now()
    settled = (
        ActivationRequest.objects.pending(now)
        .filter(pk=request.pk)
        .update(
            state=state,
            decided_by_id=by.user_id,
            decided_by_name=by.name[:200],
            decided_at=now,
            decision_reason=reason,
        )
    )
    if not settled:
        ensure_pending(request)
        raise RequestNotPending(request.config_name, "")
    request.refresh_from_db()


def ensure_pending(request: ActivationRequest) -> None:
    """Raises RequestNotPending with what it is instead, as it is stored now."""
    stored = ActivationRequest.objects.filter(pk=request.pk).first()
    state = stored.state_at(timezone.now()) if stored else ""
    if state != RequestState.PENDING:
        raise RequestNotPending(request.config_name, state)


def outdate(config_ids: Collection[int]) -> None:
    """The rows are not any more what somebody wanted to be activated."""
    pending = ActivationRequest.objects.filter(config_id__in=config_ids, state=RequestState.PENDING)
    pending.update(state=RequestState.OUTDATED, decided_at=timezone.now())


def expire_overdue(now: datetime) -> None:
    ActivationRequest.objects.overdue(now).update(state=RequestState.EXPIRED, decided_at=now)
