"""Entries as rows: the quickest way in that each database has."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, transaction

from .entries import UsageEntry
from .models import UsageRecord

_TYPES = {
    "at": "timestamptz",
    "request_id": "varchar",
    "api_key_id": "int8",
    "route": "varchar",
    "is_streamed": "bool",
    "outcome": "varchar",
    "error_code": "varchar",
    "config_id": "int8",
    "config_name": "varchar",
    "provider": "varchar",
    "model_name": "varchar",
    "prompt_tokens": "int4",
    "completion_tokens": "int4",
    "is_estimated": "bool",
    "duration_s": "float8",
    "first_token_s": "float8",
    "user_id": "int8",
    "user_name": "varchar",
}
"""PostgreSQL's types of the columns, in the order of `_row`: with them rows are sent in binary form, which
costs a third of the text form's time."""

_MOST_TOKENS = 2**31 - 1
_COLUMNS = ", ".join(_TYPES)
_TABLE = UsageRecord._meta.db_table
_COPY = f"COPY {_TABLE} ({_COLUMNS}) FROM STDIN WITH (FORMAT BINARY)"
_INSERT = f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES ({', '.join(['%s'] * len(_TYPES))})"  # noqa: S608  (constants)


def store(entries: Sequence[UsageEntry]) -> None:
    """All or none, in the transaction that is open, else in one of their own.

    Raises django.db.Error; for entries that no database takes DataError, IntegrityError, TypeError,
    ValueError or OverflowError.
    """
    if connection.vendor == "postgresql":
        _copy(entries)
    else:
        _insert(entries)


def _copy(entries: Sequence[UsageEntry]) -> None:
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES.values())
        for entry in entries:
            copy.write_row(_row(entry, entry.at))


def _insert(entries: Sequence[UsageEntry]) -> None:
    adapted = connection.ops.adapt_datetimefield_value
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_INSERT, [_row(entry, adapted(entry.at)) for entry in entries])


def _row(entry: UsageEntry, at: Any) -> tuple[Any, ...]:
    return (
        at,
        _storable(entry.request_id, 64),
        entry.api_key_id,
        _repeated(entry.route, 40),
        entry.is_streamed,
        entry.outcome.value,
        _repeated(entry.error_code, 40),
        entry.config_id,
        _repeated(entry.config_name, 100),
        _repeated(entry.provider, 50),
        _repeated(entry.model_name, 255),
        _counted(entry.prompt_tokens),
        _counted(entry.completion_tokens),
        entry.is_estimated,
        entry.duration_s,
        entry.first_token_s,
        entry.user_id,
        _repeated(entry.user_name, 150),
    )


def _counted(tokens: int) -> int:
    """As near as the column can come to what a backend claims."""
    return min(max(tokens, 0), _MOST_TOKENS)


def _storable(text: str, length: int) -> str:
    """Cut to the column's length; PostgreSQL stores neither NUL nor half a surrogate pair."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "\ufffd")[:length]


_repeated = lru_cache(maxsize=1024)(_storable)
"""For texts that are the same in most rows."""
