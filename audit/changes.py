"""What a change of a row was, in the words of an event."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Model

from .chaining import canonical_time

CHANGED = "changed"
"""All that is said of a secret."""


def changes_between(
    before: Model, after: Model, fields: Iterable[str], *, secrets: Iterable[str] = ()
) -> dict[str, Any]:
    """Of the fields that differ, {field: {"from": …, "to": …}}; of secrets only that they do."""
    changes: dict[str, Any] = {
        name: {"from": plain(getattr(before, name)), "to": plain(getattr(after, name))}
        for name in fields
        if getattr(before, name) != getattr(after, name)
    }
    return changes | {name: CHANGED for name in secrets if getattr(before, name) != getattr(after, name)}


def plain(value: Any) -> Any:
    """As JSON can have it."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return canonical_time(value) if isinstance(value, datetime) else str(value)
