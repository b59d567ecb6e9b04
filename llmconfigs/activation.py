"""Changing which configuration answers; read through the module: `activation.activate(config, by=…)`.

What is to answer is probed first: outside the transaction, since that may take a minute. In the transaction
the lock on the epoch comes first and the trail last, and what was probed must still be what is stored.

Under the two-person rule (settings.ACTIVATION_NEEDS_TWO) nobody brings alone what nobody else has looked at:

- activating takes a request and the approval of a second person, who has neither made the request nor edited
  the row since it was last active;
- an active row is not changed (editing.py): cloned, it is;
- rolling back is for emergencies. One person may do it, if the row was active before and nobody has edited it
  since, or if it goes back to the environment, which the operator has set;
- so may one person deactivate, or delete: it takes away, and leaves the environment;
- the operator with access to a shell acts alone, with a reason (`alone_because`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.context import Actor
from epochs.advancing import advance
from epochs.subjects import Subject
from llmbackends.spec import BackendSpec

from . import health_notes, history, probing, requests
from .building import ensure_usable
from .errors import ApprovalNeeded, ApproverInvolved, ConfigChangedMeanwhile, ConfigGone, ProbeFailed
from .history import Answering
from .models import ActivationKind, ActivationRequest, LLMConfig, RequestState
from .probing import Probe
from .recording import probe_details, subject_of
from .specs import spec_from_config

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Probed:
    """What is to answer as it was when it was probed. force_reason: why it goes on although that failed."""

    target: Answering
    spec: BackendSpec
    probe: Probe
    force_reason: str


def activate(config: LLMConfig, *, by: Actor, force_reason: str = "", alone_because: str = "") -> Probe:
    """From its return on, no new request is answered by the former configuration. So it takes no part in a
    transaction of the caller's.

    `config`: the row as the caller has seen it. A probe that fails raises ProbeFailed unless there is a
    `force_reason`. Raises ConfigurationError (RemoteNotAllowed and AddressNotAllowed among it) if no backend
    could be built from the row as it is stored, ConfigGone, ConfigChangedMeanwhile, and ApprovalNeeded by the
    two-person rule, which `alone_because` passes over. What was active stays active then.
    """
    if settings.ACTIVATION_NEEDS_TWO and not alone_because:
        raise ApprovalNeeded(config.name)
    probed = _probe(Answering(_as_seen(config)), force_reason)
    with transaction.atomic(durable=True):
        # The lock that every change of a configuration takes first, as its trigger does. Without it, two
        # activations at once each deactivate only what was active when they began, and the second to
        # activate breaks the constraint.
        advance(Subject.CONFIGS)
        _switch(probed, ActivationKind.ACTIVATED, Action.CONFIG_ACTIVATED, by=by, alone_because=alone_because)
    config.is_active = True
    _log("llm_config_activated", probed.target)
    return probed.probe


def approve(request: ActivationRequest, *, by: Actor, force_reason: str = "") -> Probe:
    """Activates what was requested. Raises what `activate` does, RequestNotPending and ApproverInvolved."""
    config = _requested(request, by=by)
    probed = _probe(Answering(config), force_reason)
    with transaction.atomic(durable=True):
        advance(Subject.CONFIGS)
        requests.settle(request, RequestState.APPROVED, by=by, reason=force_reason)
        _ensure_not_involved(request, LLMConfig.objects.filter(pk=config.pk).first(), by=by)
        _switch(probed, ActivationKind.ACTIVATED, Action.CONFIG_ACTIVATED, by=by, request=request.pk)
        trail.record(
            Action.ACTIVATION_APPROVED,
            requests.subject_of(request),
            details={"config": config.pk, "version": config.version},
        )
    _log("llm_config_activated", probed.target)
    return probed.probe


def roll_back(to: Answering, *, by: Actor, force_reason: str = "", alone_because: str = "") -> Probe:
    """`to`: what `history.roll_back_target()` has told the caller.

    Raises what `activate` does: ConfigChangedMeanwhile also if there is another target now, ApprovalNeeded
    only if somebody has edited the row since it was active.
    """
    _ensure_may_roll_back(to, alone_because=alone_because)
    probed = _probe(Answering(_as_seen(to.config)) if to.config else to, force_reason)
    with transaction.atomic(durable=True):
        advance(Subject.CONFIGS)
        target = history.roll_back_target()
        if target.config_id != to.config_id:
            raise ConfigChangedMeanwhile(to.name)
        _ensure_may_roll_back(target, alone_because=alone_because)
        _switch(
            probed, ActivationKind.ROLLED_BACK, Action.CONFIG_ROLLED_BACK, by=by, alone_because=alone_because
        )
    _log("llm_config_rolled_back", probed.target)
    return probed.probe


def deactivate(config: LLMConfig, *, by: Actor) -> bool:
    """The environment answers from now on; returns whether `config` was active."""
    with transaction.atomic():
        advance(Subject.CONFIGS)
        stored = LLMConfig.objects.active().filter(pk=config.pk).first()
        if stored is not None:
            LLMConfig.objects.filter(pk=stored.pk).update(is_active=False)
            history.note(ActivationKind.DEACTIVATED, before=stored, after=None, by=by)
            details = {"from": _named(Answering(stored)), "to": _named(history.ENVIRONMENT)}
            trail.record(Action.CONFIG_DEACTIVATED, subject_of(stored), details=details)
    config.is_active = False
    if stored is not None:
        log.info("llm_config_deactivated", config=config.name)
    return stored is not None


def _as_seen(config: LLMConfig) -> LLMConfig:
    """The row as it is stored, if that is what the caller has seen."""
    stored: LLMConfig | None = LLMConfig.objects.filter(pk=config.pk).first()
    if stored is None:
        raise ConfigGone(config.name)
    if stored.version != config.version:
        raise ConfigChangedMeanwhile(config.name)
    return stored


def _requested(request: ActivationRequest, *, by: Actor) -> LLMConfig:
    """The row, if all speaks for approving now what will be decided in the transaction."""
    requests.ensure_pending(request)
    config = LLMConfig.objects.filter(pk=request.config_id).first()
    _ensure_not_involved(request, config, by=by)
    if config is None:
        raise ConfigGone(request.config_name)
    if config.version != request.config_version:
        raise ConfigChangedMeanwhile(request.config_name)
    return config


def _ensure_not_involved(request: ActivationRequest, config: LLMConfig | None, *, by: Actor) -> None:
    if request.was_made_by(by) or (config is not None and config.was_edited_by(by)):
        raise ApproverInvolved(request.config_name)


def _ensure_may_roll_back(to: Answering, *, alone_because: str) -> None:
    if settings.ACTIVATION_NEEDS_TWO and not alone_because and to.config is not None and to.config.editors:
        raise ApprovalNeeded(to.name)


def _probe(target: Answering, force_reason: str) -> _Probed:
    spec = target.spec()
    ensure_usable(spec)
    probe = probing.probe(spec)
    health_notes.note(health_notes.health_from(target.config_id, probe))
    if not probe.is_ok and not force_reason.strip():
        trail.record_alone(Action.CONFIG_TESTED, _subject(target), details={"probe": probe_details(probe)})
        raise ProbeFailed(target.name, probe)
    return _Probed(target, spec, probe, "" if probe.is_ok else force_reason.strip())


def _switch(
    probed: _Probed,
    kind: ActivationKind,
    action: Action,
    *,
    by: Actor,
    alone_because: str = "",
    request: int | None = None,
) -> None:
    """In the transaction, under the lock of the epoch. Nothing is changed or told if it is active already."""
    after = _still_as_probed(probed)
    before = LLMConfig.objects.active().first()
    if before == after:
        return
    # In one statement the unique constraint would hold or fail by the order of the rows.
    LLMConfig.objects.active().update(is_active=False)
    if after is not None:
        LLMConfig.objects.filter(pk=after.pk).update(is_active=True, editors=[])
    history.note(kind, before=before, after=after, by=by, force_reason=probed.force_reason)
    details: dict[str, Any] = {
        "from": _named(Answering(before)),
        "to": _named(probed.target),
        "probe": probe_details(probed.probe),
    }
    details |= {"forced": probed.force_reason} if probed.force_reason else {}
    details |= {"request": request} if request is not None else {}
    if alone_because and settings.ACTIVATION_NEEDS_TWO:
        details |= {"two_person_rule": alone_because}
    trail.record(action, _subject(probed.target), details=details)


def _still_as_probed(probed: _Probed) -> LLMConfig | None:
    config = probed.target.config
    if config is None:
        return None
    stored: LLMConfig | None = LLMConfig.objects.filter(pk=config.pk).first()
    if stored is None:
        raise ConfigGone(config.name)
    if stored.version != config.version or spec_from_config(stored) != probed.spec:
        raise ConfigChangedMeanwhile(config.name)
    return stored


def _subject(target: Answering) -> trail.Subject:
    return subject_of(target.config) if target.config else trail.Subject("llmconfig", "", "environment")


def _named(answering: Answering) -> dict[str, Any]:
    names = {"provider": answering.provider, "model": answering.model}
    if answering.config is None:
        return {"source": "environment", **names}
    return {"source": "config", "id": answering.config_id, "name": answering.name, **names} | {
        "version": answering.version
    }


def _log(event: str, target: Answering) -> None:
    log.info(
        event,
        config=target.name or None,
        provider=target.provider,
        model=target.model,
    )
