"""What a person has a service asked: each time is in the trail, and each person may ask so often a minute.

The trail counts, under its lock, so the limit holds over all processes.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.models import AuditEvent
from llmbackends.spec import BackendSpec

from . import health_notes, probing
from .errors import TooManyProbes
from .models import LLMConfig
from .probing import Probe
from .recording import subject_of

_ASKING = (Action.CONFIG_TESTED, Action.CONFIG_MODELS_FETCHED)
_MINUTE = timedelta(minutes=1)


def probe(spec: BackendSpec, *, config: LLMConfig | None = None, is_stored: bool = False) -> Probe:
    """`config`: the row that is looked at, if any; is_stored: `spec` is what the row says, unedited.

    Raises TooManyProbes.
    """
    _admit(Action.CONFIG_TESTED, spec, config)
    found = probing.probe(spec)
    if config is not None and is_stored:
        health_notes.note(health_notes.health_from(config.pk, found))
    return found


def fetch_models(spec: BackendSpec, *, config: LLMConfig | None = None) -> tuple[str, ...]:
    """As probing.fetch_models. Raises TooManyProbes."""
    _admit(Action.CONFIG_MODELS_FETCHED, spec, config)
    return probing.fetch_models(spec)


def _admit(action: Action, spec: BackendSpec, config: LLMConfig | None) -> None:
    subject = subject_of(config) if config is not None and config.pk is not None else trail.NOTHING
    details = {"provider": spec.provider, "model": spec.model, "endpoint": spec.endpoint_url}
    with transaction.atomic():
        event = trail.record(action, subject, details=details)
        if event.actor_id is not None and _asked_within_minute(event) > settings.PROBES_PER_MINUTE:
            raise TooManyProbes(settings.PROBES_PER_MINUTE)


def _asked_within_minute(event: AuditEvent) -> int:
    """This time included."""
    return AuditEvent.objects.filter(
        actor_id=event.actor_id, action__in=_ASKING, at__gt=event.at - _MINUTE, at__lte=event.at
    ).count()
