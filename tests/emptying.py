"""Empties the tables between two tests that commit.

Django's `flush` empties all tables, and lets every app put back what an empty database has too. That takes a
quarter of a second, after each of a thousand tests. Most of them fill a few tables and change nothing of what
is put back (content types, permissions, triggers), so those few are emptied. After any other test it is
`flush` that does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.core.management.commands import flush
from django.core.management.sql import sql_flush
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

from audit import triggers
from epochs.advancing import advance
from epochs.subjects import Subject
from generators import triggers as generators_triggers
from tests import shipped_generators

_KEPT = ("django_content_type", "auth_permission", "epochs_epoch")
_LARGE_BYTES = 1_000_000
_put_back: list[Any] = []
"""What every app had put back when the tables were flushed last."""


def install() -> None:
    """The triggers that keep the trail and the published generators go in the transaction of the flush; the
    `post_migrate` that it sends at its end puts them back."""
    shipped_generators.install()
    flush.sql_flush = _sql_flush  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]


def empty_trail() -> None:
    """For who cannot empty all."""
    with transaction.atomic():
        _delete_trail()


def _sql_flush(style: Any, connection: BaseDatabaseWrapper, **options: Any) -> list[str]:
    dropping = [*triggers.dropping(connection), *generators_triggers.dropping(connection)]
    return [*dropping, *sql_flush(style, connection, **options)]


def _empty(_test: TransactionTestCase) -> None:
    global _put_back
    if _put_back and _read_put_back() == _put_back:
        _empty_filled()
    else:
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
        _put_back = _read_put_back()


def _read_put_back() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor])
        found = cursor.fetchall()
        for table in ("django_content_type", "auth_permission"):
            cursor.execute(f"SELECT '{table}', count(*), max(id) FROM {table}")
            found += cursor.fetchall()
        return found


def _empty_filled() -> None:
    """Epochs first, as in every transaction: nothing that a process has in memory outlives its test."""
    with transaction.atomic(), connection.cursor() as cursor:
        for subject in Subject:
            advance(subject)
        tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - {*_KEPT})
        filled = _lock_and_look(cursor, tables)
        if filled.keys() & {*triggers.TABLES}:
            _delete_trail()
        kept = {*triggers.TABLES, shipped_generators.TABLE}
        for statement in _emptying({name: filled[name] for name in filled if name not in kept}):
            cursor.execute(statement)
        if not shipped_generators.are_alone():
            shipped_generators.restore()


def _lock_and_look(cursor: Any, tables: list[str]) -> dict[str, int]:
    """The size of each table that has rows. What others are writing is waited for, and so seen."""
    size = "0"
    if connection.vendor == "postgresql":
        size = "pg_relation_size('{0}')"
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
    look = f"SELECT '{{0}}', {size} WHERE EXISTS (SELECT 1 FROM {{0}})"
    cursor.execute(" UNION ALL ".join(look.format(table) for table in tables))
    return dict(cursor.fetchall())


def _emptying(filled: dict[str, int]) -> Iterator[str]:
    """In any order: constraints are checked at the end of the transaction. Deleted rows stay in the file, so
    one that has grown is truncated, before deletions of other tables await their check."""
    if large := [name for name, size in filled.items() if size > _LARGE_BYTES]:
        yield f"TRUNCATE {', '.join(large)} CASCADE"
    yield from (f"DELETE FROM {name}" for name in filled if name not in large)


def _delete_trail() -> None:
    with connection.cursor() as cursor:
        for statement in triggers.dropping(connection):
            cursor.execute(statement)
        for table in triggers.TABLES:
            cursor.execute(f"DELETE FROM {table}")
        for statement in triggers.making(connection, list(triggers.TABLES)):
            cursor.execute(statement)


_TRIGGERS = {
    "postgresql": """
        SELECT tgrelid::regclass::text, tgname::text, tgenabled::text, tgtype::text, prosrc
        FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal ORDER BY 1, 2
    """,
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2",
}
