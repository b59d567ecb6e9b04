"""The server that the browser looks at, and what a test leaves behind there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from epochs.models import Process
from generators import triggers
from generators.models import Generator
from tests.conftest import test_database_url
from tests.processes import ServerProcess, running_server

# What migrations put there, what the running server writes by itself, and what nobody may delete.
_KEPT = {"contenttypes", "epochs", "audit"}
_KEPT_TABLES = {
    *("auth_permission", "auth_group", "auth_group_permissions", "generation_lease"),
    "generators_generator",
}


@contextmanager
def running_site(**more: str) -> Iterator[ServerProcess]:
    """On the test database, with the dummy model, and quick to tell what it runs. more: variables."""
    environment = (
        os.environ
        | {
            "DATABASE_URL": test_database_url(),
            "PYTHONUNBUFFERED": "1",
            "PROCESS_REPORT_INTERVAL_S": "0.5",
            "GENERATION_POLL_INTERVAL_S": "0.1",
        }
        | more
    )
    with running_server(environment) as server:
        yield server
        server.end(signal.SIGTERM)  # and so takes its row off the list of processes


class Cleaner:
    """Deletes what a test made, and only that: emptying all tables, as between other tests, would lock them
    against the server that goes on running, and would take what migrations put there."""

    def __init__(self, server: ServerProcess) -> None:
        """Before the first test."""
        self._process = server.process.pid
        self._groups = list(Group.objects.values_list("pk", flat=True))
        self._generators = list(Generator.objects.values_list("pk", flat=True))

    def clean(self) -> None:
        for attempts_left in (2, 1, 0):
            try:
                self._delete()
                break
            except OperationalError:  # a deadlock with what the server was doing
                if not attempts_left:
                    raise

    def _delete(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for table in _tables():
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
            Group.objects.exclude(pk__in=self._groups).delete()
            Process.objects.exclude(pid=self._process).delete()
            if others := Generator.objects.exclude(pk__in=self._generators):
                self._delete_generators(cursor, others)

    def _delete_generators(self, cursor: Any, others: QuerySet[Generator]) -> None:
        """Also those that are published, which triggers keep."""
        for statement in triggers.dropping(connection):
            cursor.execute(statement)
        others.delete()
        triggers.after_migrate(using=connection.alias)


def _tables() -> list[str]:
    """In any order: constraints are checked at the end of the transaction."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    tables = {model._meta.db_table for model in models if model._meta.app_label not in _KEPT}
    return sorted(tables - _KEPT_TABLES)
