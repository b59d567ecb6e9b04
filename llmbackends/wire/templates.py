"""Filling a JSON template whose strings hold placeholders such as "{{model}}". No code, no attributes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_LEFT_OUT = object()


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A string that is one placeholder becomes the value with its type, or is left out if that is None.

    Inside a longer string the value stands as text (None as none). `values` must have every name used.
    """
    if isinstance(template, Mapping):
        pairs = ((key, fill(value, values)) for key, value in template.items())
        return {key: value for key, value in pairs if value is not _LEFT_OUT}
    if isinstance(template, list | tuple):
        return [value for each in template if (value := fill(each, values)) is not _LEFT_OUT]
    return _fill_text(template, values) if isinstance(template, str) else template


def names_in(template: Any) -> set[str]:
    return {name for text in _strings_in(template) for name in _PLACEHOLDER.findall(text)}


def _strings_in(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping | list | tuple):
        for child in template.values() if isinstance(template, Mapping) else template:
            yield from _strings_in(child)


def _fill_text(text: str, values: Mapping[str, Any]) -> Any:
    if whole := _PLACEHOLDER.fullmatch(text):
        value = values[whole[1]]
        return _LEFT_OUT if value is None else value
    return _PLACEHOLDER.sub(lambda found: _as_text(values[found[1]]), text)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
