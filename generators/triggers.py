"""The triggers by which the database itself keeps what a published version says.

A client was accepted for what it said, and the same name has to mean the same next year. So of a row that has
been published nothing changes but whether it is active, whether it is current and when that was changed; and
the row stays. A migration that has to write another column of such rows begins with `dropping()`.

Made after every `migrate` and not by a migration, for the reason that audit/triggers.py tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE: Final = "generators_generator"
FREE: Final = ("is_active", "is_current", "updated_at")
_NAME: Final = "generators_published_stays"
_REFUSAL: Final = "A published version of a generator never changes."
_SQLITE_EVENTS: Final = ("update", "delete", "insert")


def after_migrate(*, using: str, **_: Any) -> None:
    database = connections[using]
    if TABLE not in database.introspection.table_names():
        return
    with transaction.atomic(using=using), database.cursor() as cursor:
        for statement in making(database):
            cursor.execute(statement)


def making(database: BaseDatabaseWrapper) -> Iterator[str]:
    if database.vendor == "postgresql":
        yield _POSTGRESQL_FUNCTION
        yield _POSTGRESQL_TRIGGER
        yield _POSTGRESQL_TRUNCATE_TRIGGER
        return
    yield from dropping(database)
    yield from _sqlite_triggers(_fixed_columns(database))


def dropping(database: BaseDatabaseWrapper) -> Iterator[str]:
    """Also for the tests, which empty the table between two tests."""
    if database.vendor == "postgresql":
        yield f"DROP TRIGGER IF EXISTS {_NAME} ON {TABLE}"
        yield f"DROP TRIGGER IF EXISTS {_NAME}_whole ON {TABLE}"
    else:
        yield from (f"DROP TRIGGER IF EXISTS {_NAME}_{event}" for event in _SQLITE_EVENTS)


# All columns are compared without being named, so that a new one is kept too. The error class is that of
# constraints, as RAISE(ABORT) has it on SQLite: both are IntegrityError.
_POSTGRESQL_FUNCTION: Final = f"""
    CREATE OR REPLACE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE wanted {TABLE}%ROWTYPE;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            wanted := NEW;
            {" ".join(f"wanted.{column} := OLD.{column};" for column in FREE)}
            IF wanted IS NOT DISTINCT FROM OLD THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
_POSTGRESQL_TRIGGER: Final = f"""
    CREATE OR REPLACE TRIGGER {_NAME} BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW WHEN (OLD.published_at IS NOT NULL) EXECUTE FUNCTION {_NAME}()
"""
_POSTGRESQL_TRUNCATE_TRIGGER: Final = f"""
    CREATE OR REPLACE TRIGGER {_NAME}_whole BEFORE TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION {_NAME}()
"""


def _fixed_columns(database: BaseDatabaseWrapper) -> list[str]:
    """As they are in the database, which may be on its way to another version of the model."""
    with database.cursor() as cursor:
        columns = database.introspection.get_table_description(cursor, TABLE)
    return [database.ops.quote_name(column.name) for column in columns if column.name not in FREE]


def _sqlite_triggers(columns: list[str]) -> Iterator[str]:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    differs = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)
    was_published = "OLD.published_at IS NOT NULL"
    yield f"""
        CREATE TRIGGER {_NAME}_update BEFORE UPDATE ON {TABLE}
        WHEN {was_published} AND ({differs}) {refusal}
    """
    yield f"CREATE TRIGGER {_NAME}_delete BEFORE DELETE ON {TABLE} WHEN {was_published} {refusal}"
    # INSERT OR REPLACE deletes the old row without a word to the trigger on DELETE.
    taken = "id = NEW.id OR (name = NEW.name AND version = NEW.version)"
    published = f"EXISTS (SELECT 1 FROM {TABLE} WHERE published_at IS NOT NULL AND ({taken}))"  # noqa: S608
    yield f"CREATE TRIGGER {_NAME}_insert BEFORE INSERT ON {TABLE} WHEN {published} {refusal}"
