"""Changing which configuration answers; read through the module: `activation.activate(config)`."""

from __future__ import annotations

import structlog
from django.db import transaction

from .building import ensure_buildable
from .errors import ConfigGone
from .models import LLMConfig
from .specs import spec_from_config

log = structlog.get_logger(__name__)


def activate(config: LLMConfig) -> None:
    """From its return on, no new request is answered by the former configuration.

    Raises ConfigurationError (RemoteNotAllowed among it) if no backend could be built from the row as it is
    stored, ConfigGone if it was deleted; what was active stays active then.
    """
    with transaction.atomic():
        stored = _lock_all().get(config.pk)
        if stored is None:
            raise ConfigGone(config.name)
        ensure_buildable(spec_from_config(stored))
        # In one statement the unique constraint would hold or fail by the order of the rows.
        LLMConfig.objects.active().exclude(pk=stored.pk).update(is_active=False)
        if LLMConfig.objects.filter(pk=stored.pk).update(is_active=True) != 1:
            raise ConfigGone(config.name)
    config.is_active = True
    log.info("llm_config_activated", config=stored.name, provider=stored.provider, model=stored.model_name)


def deactivate(config: LLMConfig) -> bool:
    """The environment answers from now on; returns whether `config` was active."""
    was_active = LLMConfig.objects.active().filter(pk=config.pk).update(is_active=False) == 1
    config.is_active = False
    if was_active:
        log.info("llm_config_deactivated", config=config.name)
    return was_active


def _lock_all() -> dict[int, LLMConfig]:
    """All rows by id, locked against other activations until the transaction ends.

    Without the lock, two activations at once each deactivate only what was active when they began, and the
    second to activate breaks the constraint. All rows, because with none active there is no single row that
    both would lock; in the order of their ids, because locks in one order cannot deadlock. NO KEY: a new job
    that refers to a row does not have to wait. SQLite, which has no row locks, locks the database at BEGIN.
    """
    rows = LLMConfig.objects.select_for_update(no_key=True).order_by("pk")
    return {row.pk: row for row in rows}
