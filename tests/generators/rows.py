"""Generators for tests, saved and not."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from generators.definition import Definition, definition_of
from generators.models import Generator

ANY_OBJECT = {"type": "object"}
COLUMNS = {
    "type": "object",
    "properties": {
        "table": {"type": "string"},
        "columns": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "kind": {"enum": ["text", "number"]}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["table", "columns"],
    "additionalProperties": False,
}


def unsaved(**fields: Any) -> Generator:
    """As published; `ui-v1` unless `fields` say otherwise."""
    published = {"published_at": timezone.now(), "is_active": True, "is_current": True}
    return Generator(**{"name": "ui", **published, **fields})


def publish(**fields: Any) -> Generator:
    row = unsaved(**fields)
    row.save(force_insert=True)
    return row


def definition(**fields: Any) -> Definition:
    return definition_of(unsaved(**fields))


def text_v1() -> Generator:
    return unsaved(name="text", takes_messages=True)


def draft(name: str = "form", version: int = 1, **values: Any) -> Generator:
    row: Generator = Generator.objects.create(name=name, version=version, **values)
    return row


def published(name: str = "form", version: int = 1, **values: Any) -> Generator:
    """Active, and not current unless it is said."""
    state = {"is_active": True, "published_at": timezone.now()}
    return draft(name, version, **(state | values))
