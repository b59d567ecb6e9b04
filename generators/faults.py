"""What is wrong with a value, as a sentence that says where, what is there and what should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema.exceptions import ValidationError

Path = tuple[str | int, ...]

MAX_PLACE = 100
_MAX_VALUE = 60
_MAX_CHOICES = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """`path`: from the value as a whole to the place. `problem`: a sentence without its beginning."""

    path: Path
    problem: str

    def place_in(self, root: str = "") -> str:
        """As in columns[0].name or, inside `root`, input.columns[0].name; `root` for the value as a whole."""
        return joined(self.path, root)


def joined(path: Path, root: str = "") -> str:
    place = root
    for step in path:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
    return place if len(place) <= MAX_PLACE else f"{place[: MAX_PLACE - 1]}…"


def fault_of(error: ValidationError) -> Fault:
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    wanted: Any = error.validator_value
    if keyword == "required" and isinstance(error.instance, Mapping):
        missing = (name for name in wanted if name not in error.instance)
        return Fault((*path, next(missing, "")), "is missing")
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(error.instance, Mapping):
        return Fault(*_stray(path, error))
    told = _PROBLEMS.get(keyword, lambda value, wanted: f"does not fit its schema ({keyword})")
    if error.validator is None:
        return Fault(path, "is not allowed here")
    return Fault(path, told(error.instance, wanted))


def _stray(path: Path, error: Any) -> tuple[Path, str]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    stray = [name for name in error.instance if name not in known]
    if error.validator_value is not False or not stray:
        return path, "holds a field that is not allowed"
    return (*path, stray[0]), f"is not a known field{_those_known(known)}"


def _those_known(known: Mapping[str, Any]) -> str:
    return f"; the fields are {_listed(known, shown=str)}" if known else ""


def _type(value: Any, wanted: Any) -> str:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    return f"must be {' or '.join(_KINDS.get(name, name) for name in names)}, not {_kind(value)}"


def _enum(value: Any, wanted: Any) -> str:
    return f"is {_shown(value)}, but must be one of {_listed(wanted, shown=_shown)}"


def _kind(value: Any) -> str:
    for kinds, name in _KINDS_OF:
        if isinstance(value, kinds):
            return name
    return _shown(value)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _listed(values: Any, *, shown: Callable[[Any], str]) -> str:
    text = ", ".join(shown(value) for value in values)
    return text if len(text) <= _MAX_CHOICES else f"{text[:_MAX_CHOICES]}…"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_KINDS: Final = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_KINDS_OF: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "true or false"),
    (str, "a text"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (Mapping, "an object"),
    (type(None), "null"),
)
_PROBLEMS: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda value, wanted: f"is {_shown(value)}, but must be {_shown(wanted)}",
    "minLength": lambda value, wanted: f"must have at least {_counted(wanted, 'character')}",
    "maxLength": lambda value, wanted: f"must have at most {_counted(wanted, 'character')}",
    "minItems": lambda value, wanted: f"must have at least {_counted(wanted, 'item')}",
    "maxItems": lambda value, wanted: f"must have at most {_counted(wanted, 'item')}",
    "minProperties": lambda value, wanted: f"must have at least {_counted(wanted, 'field')}",
    "maxProperties": lambda value, wanted: f"must have at most {_counted(wanted, 'field')}",
    "minimum": lambda value, wanted: f"is {_shown(value)}, but must be at least {_shown(wanted)}",
    "maximum": lambda value, wanted: f"is {_shown(value)}, but must be at most {_shown(wanted)}",
    "exclusiveMinimum": lambda value, wanted: f"is {_shown(value)}, but must be more than {_shown(wanted)}",
    "exclusiveMaximum": lambda value, wanted: f"is {_shown(value)}, but must be less than {_shown(wanted)}",
    "multipleOf": lambda value, wanted: f"is {_shown(value)}, but must be a multiple of {_shown(wanted)}",
    "uniqueItems": lambda value, wanted: "holds the same item twice",
    "pattern": lambda value, wanted: f"is {_shown(value)}, but must match the pattern {_shown(wanted)}",
    "contains": lambda value, wanted: "does not hold an item that it must have",
    "anyOf": lambda value, wanted: "has none of the forms that are allowed",
    "oneOf": lambda value, wanted: "must have one of the forms that are allowed, and only one",
    "not": lambda value, wanted: "has a form that is not allowed",
    "dependentRequired": lambda value, wanted: "lacks a field that goes with another",
    "items": lambda value, wanted: "holds an item that is not allowed",
    "unevaluatedItems": lambda value, wanted: "holds an item that is not allowed",
}
