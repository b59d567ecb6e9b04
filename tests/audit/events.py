"""Looking at what was recorded."""

from __future__ import annotations

from audit.actions import Action
from audit.models import AuditEvent


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def the_event(action: Action) -> AuditEvent:
    """The only one of the action."""
    event: AuditEvent = AuditEvent.objects.get(action=action)
    return event
