"""Pieces of statements for both databases; most for those about many rows, which no queryset can make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Field, ForeignKey, Model, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


def after(delay_s: float) -> Combinable:
    """For querysets: that many seconds from now, by the clock that all workers share."""
    return Now() + Value(timedelta(seconds=delay_s))


def now() -> str:
    """The moment of the statement, by the clock that all workers share."""
    if connection.vendor == "postgresql":
        return "statement_timestamp()"
    return "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"


def in_seconds(seconds: float) -> str:
    if connection.vendor == "postgresql":
        return f"statement_timestamp() + interval '{float(seconds)} seconds'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '{float(seconds):+} seconds')"


def skip_locked() -> str:
    """For a SELECT whose rows are about to be changed: those that somebody else is changing are left out."""
    return "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""


def seconds_since(moment: str) -> str:
    """Null for null."""
    if connection.vendor == "postgresql":
        return f"extract(epoch FROM statement_timestamp() - {moment})::float8"
    return f"(julianday('now') - julianday({moment})) * 86400.0"


def values(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[str, list[Any]]:
    """What stands behind VALUES for these columns of the model, and the parameters."""
    fields = [_field(model, column) for column in columns]
    prepared = [
        [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
        for row in rows
    ]
    first = ", ".join(f"%s{_cast(field)}" for field in fields)
    other = ", ".join(["%s"] * len(fields))
    lines = [f"({first if not number else other})" for number in range(len(prepared))]
    return ", ".join(lines), [value for row in prepared for value in row]


def _field(model: type[Model], column: str) -> Field[Any, Any]:
    return next(field for field in model._meta.concrete_fields if field.column == column)


def _cast(field: Field[Any, Any]) -> str:
    """PostgreSQL takes all rows' types from the first. Without the length: a cast would cut silently."""
    if connection.vendor != "postgresql":
        return ""
    kind = field.target_field if isinstance(field, ForeignKey) else field
    return "::" + (kind.rel_db_type(connection) or "text").partition("(")[0]
