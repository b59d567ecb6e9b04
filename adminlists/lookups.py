"""What an address may ask of a list: anybody who sees the rows may write one by hand."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet


class NoHiddenLookups:
    """For a ModelAdmin with columns that are never shown: Django would let whoever may see the rows filter by
    them too, and so read them out sign by sign."""

    hidden_columns: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        if lookup.partition("__")[0] in self.hidden_columns:
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[misc, no-any-return]


def exactly(queryset: QuerySet[Any], **values: str) -> QuerySet[Any]:
    """The rows with these texts; none for a text that PostgreSQL cannot even be asked for."""
    if any("\x00" in value for value in values.values()):
        return queryset.none()
    return queryset.filter(**values)
