"""The trigger that makes the deliveries of a job in the transaction that ends it.

A trigger, because a job is ended in many ways, and none can forget it: a result, a cancellation, a deadline,
a lost worker, psql. Rows that do not end with the change cost a comparison; those of a key without endpoints
one look into an index.

Made after every `migrate` and not by a migration: Django's SQLite changes a table by making a new one in its
place, and the triggers of the old one go with it, silently. Nor does SQLite rename a table while a trigger
names one that is missing, so there it is dropped before anything is migrated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

_JOBS = "generation_generationjob"
_TABLES = frozenset({_JOBS, "webhooks_webhookendpoint", "webhooks_webhookdelivery"})
_NAME = "webhooks_job_ended"
_HAS_ENDED = "OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL"


def before_migrate(*, using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    database = connections[using]
    if plan and database.vendor == "sqlite":
        _execute(database, _dropping(database))


def after_migrate(*, using: str, **_: Any) -> None:
    database = connections[using]
    existing = set(database.introspection.table_names())
    with transaction.atomic(using=using):
        if existing >= _TABLES:
            _execute(database, _making(database))
        elif _JOBS in existing:
            _execute(database, _dropping(database))


def _making(database: BaseDatabaseWrapper) -> Iterator[str]:
    if database.vendor == "postgresql":
        yield _POSTGRESQL_FUNCTION
        yield _POSTGRESQL_TRIGGER
        return
    yield from _dropping(database)
    yield _SQLITE_TRIGGER


def _dropping(database: BaseDatabaseWrapper) -> Iterator[str]:
    if database.vendor == "postgresql":
        yield f"DROP TRIGGER IF EXISTS {_NAME} ON {_JOBS}"
        yield f"DROP FUNCTION IF EXISTS {_NAME}()"
    else:
        yield f"DROP TRIGGER IF EXISTS {_NAME}"


def _execute(database: BaseDatabaseWrapper, statements: Iterator[str]) -> None:
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


_INSERT = """
    INSERT INTO webhooks_webhookdelivery (
        message_id, endpoint_id, event, job_id, body, status, created_at, next_attempt_at, attempts,
        round_began_at, round_failures, lease_owner
    )
    SELECT
        {new_uuid}, endpoint.id, 'generation.' || NEW.status, NEW.id, '', 'pending', NEW.finished_at,
        NEW.finished_at, 0, NEW.finished_at, 0, ''
    FROM webhooks_webhookendpoint AS endpoint
    WHERE endpoint.key_id = NEW.key_id AND endpoint.disabled_at IS NULL AND CASE NEW.status
        WHEN 'completed' THEN endpoint.on_completed
        WHEN 'failed' THEN endpoint.on_failed
        WHEN 'cancelled' THEN endpoint.on_cancelled
        ELSE false
    END
"""

# First whether there is any: that takes 5 µs, to insert nothing would take 15 to 30 (PostgreSQL 18). The lock
# is that of the foreign key, but now and not at the commit: an endpoint that is deleted meanwhile is left out
# here, and does not make the commit of a result fail there. It waits for nobody who changes one.
_POSTGRESQL_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM webhooks_webhookendpoint WHERE key_id = NEW.key_id AND disabled_at IS NULL
        ) THEN
            RETURN NULL;
        END IF;
        {_INSERT.format(new_uuid="gen_random_uuid()")}
        ORDER BY endpoint.id FOR KEY SHARE OF endpoint;
        RETURN NULL;
    END $$
"""

_POSTGRESQL_TRIGGER = f"""
    CREATE OR REPLACE TRIGGER {_NAME} AFTER UPDATE ON {_JOBS}
    FOR EACH ROW WHEN ({_HAS_ENDED}) EXECUTE FUNCTION {_NAME}()
"""

_SQLITE_TRIGGER = f"""
    CREATE TRIGGER {_NAME} AFTER UPDATE OF finished_at ON {_JOBS} WHEN {_HAS_ENDED}
    BEGIN {_INSERT.format(new_uuid="lower(hex(randomblob(16)))")}; END
"""
