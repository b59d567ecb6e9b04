"""Signing the trail as far as it has come."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from .chaining import canonical_time
from .keys import signer
from .models import AuditEvent, Checkpoint
from .signing import Purpose


def seal_if_due(event: AuditEvent) -> None:
    """In the transaction of the event, under the lock of trail.record()."""
    last = _last()
    if last is None or event.number >= last.number + last.every:
        _seal(event, last)


def seal(event: AuditEvent) -> None:
    """Signs the trail up to the event that was recorded just now, in its transaction."""
    last = _last()
    if last is None or last.number < event.number:
        _seal(event, last)


def _last() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-number").first()


def _seal(event: AuditEvent, last: Checkpoint | None) -> None:
    at = timezone.now()
    values = {
        "number": event.number,
        "digest": event.digest,
        "previous_number": last.number if last else 0,
        "every": settings.AUDIT_CHECKPOINT_EVERY,
    }
    signed = signer().sign(Purpose.CHECKPOINT, values | {"at": canonical_time(at)})
    Checkpoint.objects.create(**signed | {"at": at})
