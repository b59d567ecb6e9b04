"""Making, changing, copying and deleting configurations; read through the module: `editing.delete(…)`.

Everybody who changes a row goes through here, so that the trail tells of it in the same transaction. The lock
on the epoch comes first, as in activation.py, the trail last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.conf import settings
from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.context import Actor
from epochs.advancing import advance
from epochs.subjects import Subject

from . import history, requests
from .errors import ActiveConfigLocked, ConfigGone
from .models import ActivationKind, HealthNote, LLMConfig
from .recording import EFFECTIVE_FIELDS, FIELDS, changes_between, fields_of, subject_of, values_of

_KEPT_BY_EDITING = ("edited_by_id", "edited_by_name", "editors")


def create(config: LLMConfig, *, by: Actor) -> None:
    """Stores a row that is valid (`full_clean()` is the caller's). Raises RemoteNotAllowed."""
    _create(config, by=by)


def clone(config: LLMConfig, *, name: str, by: Actor) -> LLMConfig:
    """An inactive copy that says the same. It goes to the same address, so it keeps the key, still sealed.
    Who has edited the original since it was last active does not approve the copy either."""
    said = {field: getattr(config, field) for field in EFFECTIVE_FIELDS}
    copy = LLMConfig(name=name, editors=list(config.editors), **said)
    _create(copy, by=by, origin={"clone_of": {"id": config.pk, "name": config.name}})
    return copy


def change(config: LLMConfig, *, fields: Iterable[str] = FIELDS, by: Actor) -> dict[str, Any]:
    """Stores these fields of a valid row; returns what has changed, as the trail tells it.

    If nothing has, nothing is written, and the version stays. Otherwise a request to activate the row is
    outdated. Raises ConfigGone, RemoteNotAllowed, and ActiveConfigLocked: under the two-person rule an active
    row is not changed.
    """
    with transaction.atomic():
        advance(Subject.CONFIGS)
        stored = LLMConfig.objects.filter(pk=config.pk).first()
        if stored is None:
            raise ConfigGone(config.name)
        changes = changes_between(stored, config, fields)
        if changes:
            _store_changes(config, stored, changes, by=by)
        return changes


def delete(configs: Collection[LLMConfig], *, by: Actor) -> bool:
    """Returns whether the active one was among them: then the environment answers. Those that are gone
    already are passed over."""
    with transaction.atomic():
        advance(Subject.CONFIGS)
        stored = list(LLMConfig.objects.filter(pk__in=[config.pk for config in configs]))
        ids = [config.pk for config in stored]
        requests.outdate(ids)
        for config in stored:
            if config.is_active:
                history.note(ActivationKind.DELETED, before=config, after=None, by=by)
        HealthNote.objects.filter(config_id__in=ids).delete()
        LLMConfig.objects.filter(pk__in=ids).delete()
        for config in stored:
            details = {"was_active": config.is_active, "values": values_of(config)}
            trail.record(Action.CONFIG_DELETED, subject_of(config), details=details)
        return any(config.is_active for config in stored)


def _create(config: LLMConfig, *, by: Actor, origin: dict[str, Any] | None = None) -> None:
    with transaction.atomic():
        advance(Subject.CONFIGS)
        config.note_editor(by)
        config.save(force_insert=True)
        details = {"values": values_of(config)} | (origin or {})
        trail.record(Action.CONFIG_CREATED, subject_of(config), details=details)


def _store_changes(config: LLMConfig, stored: LLMConfig, changes: dict[str, Any], *, by: Actor) -> None:
    fields = fields_of(changes)
    config.editors = stored.editors
    if fields & set(EFFECTIVE_FIELDS):
        if stored.is_active and settings.ACTIVATION_NEEDS_TWO:
            raise ActiveConfigLocked(stored.name)
        config.note_editor(by)
    config.save(update_fields=[*fields, *_KEPT_BY_EDITING])
    requests.outdate([config.pk])
    trail.record(
        Action.CONFIG_CHANGED,
        subject_of(config),
        details={"changes": changes, "is_active": stored.is_active},
    )
