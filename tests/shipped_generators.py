"""The generators that a migration has put into the database, which every test shall find."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models.signals import post_migrate

from generators import triggers

TABLE = triggers.TABLE
_VARYING = ("id", "published_at", "created_at", "updated_at")
_shipped: list[dict[str, Any]] = []
"""As they were when they came last."""


def install() -> None:
    """A flush ends with the signal of a migration."""
    post_migrate.connect(_after_migrate, sender=apps.get_app_config("generators"))


def are_alone() -> bool:
    """Whether they are there as they came, and no others."""
    return _rows() == _shipped


def create() -> None:
    """When there are none at all, or those of a test that has called `migrate` itself."""
    migration = import_module("generators.migrations.0002_shipped")
    migration.create(apps, None)
    names = [(each["name"], each["version"]) for each in migration._SHIPPED]
    _shipped[:] = [row for row in _rows() if (row["name"], row["version"]) in names]


def restore() -> None:
    """In place of all that there are, although triggers keep those that are published."""
    with connection.cursor() as cursor:
        for statement in triggers.dropping(connection):
            cursor.execute(statement)
        cursor.execute(f"DELETE FROM {TABLE}")
        for statement in triggers.making(connection):
            cursor.execute(statement)
    create()


def _after_migrate(**_: Any) -> None:
    create()


def _rows() -> list[dict[str, Any]]:
    from generators.models import Generator

    rows = Generator.objects.values()
    return [{name: value for name, value in row.items() if name not in _VARYING} for row in rows]
