"""The triggers that move an epoch in the same transaction as any change of what it watches.

Triggers, because no code path can forget them: QuerySet.update(), the admin, a data migration, psql. They
are made after every `migrate` and not by a migration, because Django changes a table in SQLite by making a
new one in its place, and the triggers of the old one go with it, silently. (A migration of the epochs' own
table has to drop them first: SQLite renames no table while a trigger names one that is missing.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .advancing import NEXT_NUMBER, advance
from .subjects import WATCHES, Watch

EPOCHS_TABLE = "epochs_epoch"
UNWATCHED_SETTING = "epochs.unwatched"
_FUNCTION = "epochs_advance"
_SQLITE_EVENTS = ("insert", "update", "delete")


def after_migrate(*, using: str, **_: Any) -> None:
    """Makes the triggers, and moves every epoch: while the tables were changed there may have been none.

    In two transactions: whoever changes a row locks the epoch first and the table after it.
    """
    database = connections[using]
    tables = set(database.introspection.table_names())
    present = [watch for watch in WATCHES if watch.table in tables]
    has_epochs = EPOCHS_TABLE in tables
    with transaction.atomic(using=using):
        _execute(database, (_create_all if has_epochs else _drop_all)(database, present))
    for watch in present if has_epochs else ():
        advance(watch.subject, using=using)


@contextmanager
def unwatched() -> Iterator[None]:
    """For writing columns that a watch ignores, in one transaction.

    On PostgreSQL their statement says so; on SQLite the trigger knows the columns that count.
    """
    with transaction.atomic():
        _set_unwatched("on")
        yield
        _set_unwatched("off")


def _set_unwatched(value: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, true)", [UNWATCHED_SETTING, value])


def _drop_all(connection: BaseDatabaseWrapper, watches: Iterable[Watch]) -> Iterable[str]:
    for watch in watches:
        yield from _drop(connection.vendor, watch)
    if connection.vendor == "postgresql":
        yield f"DROP FUNCTION IF EXISTS {_FUNCTION}()"


def _create_all(connection: BaseDatabaseWrapper, watches: Iterable[Watch]) -> Iterable[str]:
    if connection.vendor == "postgresql":
        yield _postgresql_function()
    for watch in watches:
        yield from _create(connection, watch)


def _create(connection: BaseDatabaseWrapper, watch: Watch) -> Iterable[str]:
    if connection.vendor == "postgresql":
        yield _postgresql_trigger(watch)
        return
    columns = _watched_columns(connection, watch)
    yield from _drop(connection.vendor, watch)
    for event in _SQLITE_EVENTS:
        yield _sqlite_trigger(watch, event, columns)


def _watched_columns(connection: BaseDatabaseWrapper, watch: Watch) -> str:
    """As they are in the database, which may be on its way to another version of the model."""
    if watch.only:
        return ", ".join(watch.only)
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, watch.table)
    quote = connection.ops.quote_name
    return ", ".join(quote(column.name) for column in columns if column.name not in watch.ignored)


def _postgresql_function() -> str:
    return f"""
        CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql
        SET search_path FROM CURRENT AS $$
        BEGIN
            IF current_setting('{UNWATCHED_SETTING}', true) IS DISTINCT FROM 'on' THEN
                {NEXT_NUMBER["postgresql"].format(subject="TG_ARGV[0]")};
            END IF;
            RETURN NULL;
        END $$
    """


def _postgresql_trigger(watch: Watch) -> str:
    """BEFORE the statement: every change locks the epoch before any row, so no two wait for each other.

    Of all columns, unless the watch names some: one that a trigger names can change its type no more.
    """
    of_columns = f" OF {', '.join(watch.only)}" if watch.only else ""
    return f"""
        CREATE OR REPLACE TRIGGER {_name(watch)}
        BEFORE INSERT OR DELETE OR TRUNCATE OR UPDATE{of_columns} ON {watch.table}
        FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}('{watch.subject}')
    """


def _sqlite_trigger(watch: Watch, event: str, columns: str) -> str:
    """For each row, since SQLite has no other; it has one writer at a time, so the order does not matter."""
    of_columns = f" OF {columns}" if event == "update" else ""
    return f"""
        CREATE TRIGGER {_name(watch, event)} AFTER {event.upper()}{of_columns} ON {watch.table}
        BEGIN {NEXT_NUMBER["sqlite"].format(subject=f"'{watch.subject}'")}; END
    """


def _drop(vendor: str, watch: Watch) -> Iterable[str]:
    if vendor == "postgresql":
        yield f"DROP TRIGGER IF EXISTS {_name(watch)} ON {watch.table}"
        return
    for event in _SQLITE_EVENTS:
        yield f"DROP TRIGGER IF EXISTS {_name(watch, event)}"


def _name(watch: Watch, *event: str) -> str:
    return "_".join(part for part in ("epochs", watch.subject, watch.name, *event) if part)


def _execute(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
