"""The generators that a migration has put into the database, which every test shall find."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.db.models.signals import post_migrate

TABLE = "generators_generator"
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
    """When there are none at all."""
    import_module("generators.migrations.0002_shipped").create(apps, None)
    _shipped[:] = _rows()


def _after_migrate(**_: Any) -> None:
    create()


def _rows() -> list[dict[str, Any]]:
    from generators.models import Generator

    rows = Generator.objects.values()
    return [{name: value for name, value in row.items() if name not in _VARYING} for row in rows]
