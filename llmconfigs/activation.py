"""Changing which configuration answers; read through the module: `activation.activate(config)`."""

from __future__ import annotations

import structlog
from django.db import transaction

from epochs.advancing import advance
from epochs.subjects import Subject

from .building import ensure_buildable, ensure_usable
from .errors import ConfigGone
from .models import LLMConfig
from .specs import spec_from_config

log = structlog.get_logger(__name__)


def activate(config: LLMConfig) -> None:
    """From its return on, no new request is answered by the former configuration. So it takes no part in a
    transaction of the caller's.

    Raises ConfigurationError (RemoteNotAllowed and AddressNotAllowed among it) if no backend could be built
    from the row as it is stored, ConfigGone if it was deleted; what was active stays active then.
    """
    ensure_usable(spec_from_config(_stored(config)))
    with transaction.atomic(durable=True):
        # The lock that every change of a configuration takes first, as its trigger does. Without it, two
        # activations at once each deactivate only what was active when they began, and the second to
        # activate breaks the constraint.
        advance(Subject.CONFIGS)
        stored = _stored(config)
        ensure_buildable(spec_from_config(stored))
        # In one statement the unique constraint would hold or fail by the order of the rows.
        LLMConfig.objects.active().exclude(pk=stored.pk).update(is_active=False)
        if LLMConfig.objects.filter(pk=stored.pk).update(is_active=True) != 1:
            raise ConfigGone(config.name)
    config.is_active = True
    log.info("llm_config_activated", config=stored.name, provider=stored.provider, model=stored.model_name)


def _stored(config: LLMConfig) -> LLMConfig:
    stored: LLMConfig | None = LLMConfig.objects.filter(pk=config.pk).first()
    if stored is None:
        raise ConfigGone(config.name)
    return stored


def deactivate(config: LLMConfig) -> bool:
    """The environment answers from now on; returns whether `config` was active."""
    was_active = LLMConfig.objects.active().filter(pk=config.pk).update(is_active=False) == 1
    config.is_active = False
    if was_active:
        log.info("llm_config_deactivated", config=config.name)
    return was_active
