"""In which order those who change several rows lock them, so that nobody waits in a circle."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def lock(rows: QuerySet[M]) -> list[Any]:
    """By their ids, which it returns. For a transaction; those of endpoints before those of deliveries."""
    return list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
