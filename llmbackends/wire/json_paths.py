"""Paths into JSON: keys and list indexes with dots between ("choices.0.text"); `*` is all of a list."""

from __future__ import annotations

from typing import Any


def find_all(value: Any, path: str) -> list[Any]:
    found = [value]
    for step in path.split("."):
        found = [child for each in found for child in _children(each, step)]
    return found


def find(value: Any, path: str | None) -> Any:
    """None where the path leads nowhere, or is None itself."""
    return next(iter(find_all(value, path)), None) if path else None


def _children(value: Any, step: str) -> list[Any]:
    if isinstance(value, dict):
        return [value[step]] if step in value else []
    if isinstance(value, list) and step == "*":
        return value
    if isinstance(value, list) and step.isdecimal():
        return value[int(step) :][:1]
    return []
