"""The details of an event, as a page shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .changes import CHANGED
from .models import AuditEvent


@dataclass(frozen=True, slots=True)
class ChangedField:
    """before, after: None of a secret, of which only the change is known."""

    name: str
    before: str | None
    after: str | None


def changed_fields(event: AuditEvent) -> list[ChangedField]:
    changes = _details(event).get("changes")
    return list(_fields(changes)) if isinstance(changes, dict) else []


def other_details(event: AuditEvent) -> list[tuple[str, str]]:
    """Names and values of what is no change of a field; of details that are no JSON object, their text."""
    details = _details(event)
    if not details and event.details_json != "{}":
        return [("", event.details_json)]
    is_shown_apart = isinstance(details.get("changes"), dict)
    return [
        (name, _text(value)) for name, value in details.items() if name != "changes" or not is_shown_apart
    ]


def _details(event: AuditEvent) -> dict[str, Any]:
    """Empty if they are not what was ever recorded: the page is for who looks into just that."""
    try:
        details = event.details
    except (ValueError, RecursionError):
        return {}
    return details if isinstance(details, dict) else {}


def _fields(changes: dict[str, Any]) -> Iterator[ChangedField]:
    for name, change in changes.items():
        if isinstance(change, dict) and change.keys() == {"from", "to"}:
            yield ChangedField(name, _text(change["from"]), _text(change["to"]))
        else:
            yield ChangedField(name, None, None if change == CHANGED else _text(change))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
