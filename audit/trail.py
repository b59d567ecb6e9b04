"""The one way into the trail; read through the module: `trail.record(Action.KEY_ISSUED, …)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from . import checkpoints
from .actions import Action
from .chaining import canonical_json, chained_values, digest_of
from .context import current_origin
from .models import AuditEvent

_LOCK = 0x61756469
"""Of PostgreSQL's advisory locks, the one on the end of the trail ("audi")."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about. `name` is as it was then; `kind` is a word such as "llmconfig"."""

    kind: str = ""
    id: str = ""
    name: str = ""


NOTHING = Subject()


def record(
    action: Action, subject: Subject = NOTHING, *, details: Mapping[str, Any] | None = None
) -> AuditEvent:
    """Appends an event to the transaction of what it tells, so that there is never one without the other.

    Call it as the last write of the transaction: it locks the end of the trail until the transaction ends,
    and one that held this lock and then waited for another could wait for ever; or call `lock_end` as the
    first.

    `details`: JSON without secrets; a change is {"changes": {field: {"from": …, "to": …}}}, of a secret only
    "changed".

    Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit event belongs into the transaction of what it tells.")
    lock_end()
    last = AuditEvent.objects.order_by("-number").values_list("number", "digest").first()
    number, previous_digest = last or (0, "")
    origin = current_origin()
    event = AuditEvent(
        number=number + 1,
        at=timezone.now(),
        action=action,
        actor_id=origin.actor.user_id,
        actor_name=_fitting(origin.actor.name, 200),
        address=_fitting(origin.address, 64),
        request_id=_fitting(origin.request_id, 64),
        subject_kind=subject.kind,
        subject_id=_fitting(subject.id, 64),
        subject_name=_fitting(subject.name, 200),
        details_json=canonical_json(dict(details or {})),
        previous_digest=previous_digest,
    )
    event.digest = digest_of(chained_values(event))
    event.save(force_insert=True)
    checkpoints.seal_if_due(event)
    return event


def record_alone(
    action: Action, subject: Subject = NOTHING, *, details: Mapping[str, Any] | None = None
) -> None:
    """For what has no transaction of its own, such as a login that failed."""
    with transaction.atomic():
        record(action, subject, details=details)


def lock_end() -> None:
    """For who has to record in the midst of a transaction: then all who do so wait here, before their first
    write, and never for each other's rows. The locks of epochs that the transaction will take come before.

    SQLite's transactions (BEGIN IMMEDIATE) are alone from their first statement.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _fitting(text: str, length: int) -> str:
    """Cut to the column, without what PostgreSQL cannot store."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:length]
