"""What PostgreSQL did for a query."""

from __future__ import annotations

from typing import Any

from django.db import connection, models


def rows_read(model: type[models.Model], sql: str) -> float:
    """How many rows of its table are looked at, by whichever index or none, wherever they are dropped."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        [[[explained]]] = cursor.fetchall()
    return _rows_read(explained["Plan"], model._meta.db_table)


def _rows_read(node: dict[str, Any], table: str) -> float:
    below = sum(_rows_read(each, table) for each in node.get("Plans", []))
    if node.get("Relation Name") != table:
        return below
    removed = sum(rows for name, rows in node.items() if name.startswith("Rows Removed"))
    return below + node["Actual Loops"] * (node["Actual Rows"] + removed)
