"""Lets the tests empty the trail, which its triggers refuse to everybody."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush
from django.core.management.sql import sql_flush
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import triggers


def install() -> None:
    """The triggers go in the transaction of the flush; the `post_migrate` that it sends at its end puts them
    back."""
    flush.sql_flush = _sql_flush  # type: ignore[attr-defined]


def empty() -> None:
    """The trail alone, for who cannot flush."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in triggers.dropping(connection):
            cursor.execute(statement)
        for table in triggers.TABLES:
            cursor.execute(f"DELETE FROM {table}")
    triggers.after_migrate(using=connection.alias)


def _sql_flush(style: Any, connection: BaseDatabaseWrapper, **options: Any) -> list[str]:
    return [*triggers.dropping(connection), *sql_flush(style, connection, **options)]
