"""What only the owner of the tables can do: change the trail behind the back of its triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from audit import triggers


def execute(sql: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@contextmanager
def without_triggers() -> Iterator[None]:
    for statement in triggers.dropping(connection):
        execute(statement)
    yield
    triggers.after_migrate(using="default")


def tamper(sql: str, *parameters: object) -> None:
    with without_triggers():
        execute(sql, *parameters)
