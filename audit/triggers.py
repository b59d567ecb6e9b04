"""The triggers by which the database itself refuses to change the trail.

They stop an application that errs, and an administrator or attacker whose role does not own the tables. They
do not stop the owner, who can drop them: what he did the chain and the signatures show, see verification.py.

Made after every `migrate` and not by a migration: Django's SQLite changes a table by making a new one in its
place, and the triggers of the old one go with it, silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("audit_auditevent", "audit_checkpoint")
_FUNCTION = "audit_refuse"
_REFUSAL = "The audit trail is append-only."
_SQLITE_EVENTS = ("update", "delete", "insert")


def after_migrate(*, using: str, **_: Any) -> None:
    database = connections[using]
    existing = database.introspection.table_names()
    with transaction.atomic(using=using), database.cursor() as cursor:
        for statement in making(database, [table for table in TABLES if table in existing]):
            cursor.execute(statement)


def making(database: BaseDatabaseWrapper, tables: list[str]) -> Iterator[str]:
    if database.vendor == "postgresql":
        yield _POSTGRESQL_FUNCTION
        for table in tables:
            yield _POSTGRESQL_TRIGGER.format(table=table)
            # Also for a session that replays what another database did.
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only"
        return
    yield from dropping(database)
    for table in tables:
        yield from _sqlite_triggers(table)


def dropping(database: BaseDatabaseWrapper) -> Iterator[str]:
    """For who has to empty the tables, such as the tests between two tests."""
    for table in TABLES:
        if database.vendor == "postgresql":
            yield f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"
        else:
            yield from (f"DROP TRIGGER IF EXISTS {table}_no_{event}" for event in _SQLITE_EVENTS)


# The error class is that of constraints, as RAISE(ABORT) has it on SQLite: both are IntegrityError.
_POSTGRESQL_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""

_POSTGRESQL_TRIGGER = f"""
    CREATE OR REPLACE TRIGGER {{table}}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{table}}
    FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()
"""


def _sqlite_triggers(table: str) -> Iterator[str]:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refusal}"
    yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refusal}"
    # INSERT OR REPLACE deletes the old row without a word to the trigger on DELETE.
    exists = f"EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number)"  # noqa: S608
    yield f"CREATE TRIGGER {table}_no_insert BEFORE INSERT ON {table} WHEN {exists} {refusal}"
