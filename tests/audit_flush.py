"""Lets the tests empty the trail between two tests, which its triggers refuse to everybody."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush
from django.core.management.sql import sql_flush
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import triggers


def install() -> None:
    """The triggers go in the transaction of the flush; the `post_migrate` that it sends at its end puts them
    back."""
    flush.sql_flush = _sql_flush  # type: ignore[attr-defined]


def _sql_flush(style: Any, connection: BaseDatabaseWrapper, **options: Any) -> list[str]:
    return [*triggers.dropping(connection), *sql_flush(style, connection, **options)]
