"""What is wrong with a value, as a sentence that says where, what is there and what should be.

Made of the keyword that a value breaks and of what that wants, not of jsonschema's own words: clients and
models read it in English, staff in their language.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema.exceptions import SchemaError, ValidationError

from llmbackends.texts import Sentence, gettext_noop

Path = tuple[str | int, ...]

MAX_PLACE = 100
_MAX_VALUE = 60
_MAX_CHOICES = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """`path`: from the value as a whole to the place. `problem`: a sentence without its beginning."""

    path: Path
    problem: Sentence

    def place_in(self, root: str = "") -> str:
        """As in columns[0].name or, inside `root`, input.columns[0].name; `root` for the value as a whole."""
        return joined(self.path, root)


def joined(path: Path, root: str = "") -> str:
    place = root
    for step in path:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
    return place if len(place) <= MAX_PLACE else f"{place[: MAX_PLACE - 1]}…"


def fault_of(error: ValidationError | SchemaError) -> Fault:
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    wanted: Any = error.validator_value
    if keyword == "required" and isinstance(error.instance, Mapping):
        missing = (name for name in wanted if name not in error.instance)
        return Fault((*path, next(missing, "")), _MISSING)
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(error.instance, Mapping):
        return Fault(*_stray(path, error))
    if error.validator is None:
        return Fault(path, _NOT_ALLOWED)
    told = _PROBLEMS.get(keyword)
    if told is None:
        return Fault(path, Sentence(_OTHER_KEYWORD, keyword=keyword))
    return Fault(path, told(error.instance, wanted))


def nearest(error: ValidationError | SchemaError) -> ValidationError | SchemaError:
    """What is wrong by that of the allowed forms which is of the value's own kind, where there is one."""
    while error.validator in ("anyOf", "oneOf"):
        of_its_kind = [each for each in error.context or () if each.validator != "type"]
        if not of_its_kind:
            break
        error = of_its_kind[0]
    return error


def _stray(path: Path, error: Any) -> tuple[Path, Sentence]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    stray = [name for name in error.instance if name not in known]
    if error.validator_value is not False or not stray:
        return path, _STRAY_FIELD
    if not known:
        return (*path, stray[0]), _UNKNOWN_FIELD
    return (*path, stray[0]), Sentence(_UNKNOWN_AMONG, names=_listed(known, shown=str))


_Told = Callable[[Any, Any], Sentence]


def _just(template: str) -> _Told:
    sentence = Sentence(template)
    return lambda value, wanted: sentence


def _counted(template: str, one: str, more: str) -> _Told:
    return lambda value, wanted: Sentence(
        template, counted=Sentence(one if wanted == 1 else more, number=wanted)
    )


def _compared(template: str) -> _Told:
    return lambda value, wanted: Sentence(template, value=_shown(value), wanted=_shown(wanted))


def _type(value: Any, wanted: Any) -> Sentence:
    first, *others = [wanted] if isinstance(wanted, str) else list(wanted)
    kinds = _KINDS.get(first, first)
    for other in others:
        kinds = Sentence(_OR, one=kinds, other=_KINDS.get(other, other))
    return Sentence(_WRONG_KIND, wanted=kinds, kind=_kind(value))


def _enum(value: Any, wanted: Any) -> Sentence:
    return Sentence(_NONE_OF, value=_shown(value), wanted=_listed(wanted, shown=_shown))


def _kind(value: Any) -> str:
    for kinds, name in _KINDS_OF:
        if isinstance(value, kinds):
            return _KINDS[name]
    return _shown(value)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _listed(values: Any, *, shown: Callable[[Any], str]) -> str:
    text = ", ".join(shown(value) for value in values)
    return text if len(text) <= _MAX_CHOICES else f"{text[:_MAX_CHOICES]}…"


_MISSING = Sentence(gettext_noop("is missing"))
_NOT_ALLOWED = Sentence(gettext_noop("is not allowed here"))
_STRAY_FIELD = Sentence(gettext_noop("holds a field that is not allowed"))
_UNKNOWN_FIELD = Sentence(gettext_noop("is not a known field"))
_UNKNOWN_AMONG = gettext_noop("is not a known field; the fields are %(names)s")
_OTHER_KEYWORD = gettext_noop("does not fit its schema (%(keyword)s)")
_WRONG_KIND = gettext_noop("must be %(wanted)s, not %(kind)s")
_OR = gettext_noop("%(one)s or %(other)s")
_NONE_OF = gettext_noop("is %(value)s, but must be one of %(wanted)s")
_AT_LEAST = gettext_noop("must have at least %(counted)s")
_AT_MOST = gettext_noop("must have at most %(counted)s")
_CHARACTERS = (gettext_noop("%(number)s character"), gettext_noop("%(number)s characters"))
_ITEMS = (gettext_noop("%(number)s item"), gettext_noop("%(number)s items"))
_FIELDS = (gettext_noop("%(number)s field"), gettext_noop("%(number)s fields"))
_WRONG_ITEM = gettext_noop("holds an item that is not allowed")

_KINDS: Final[Mapping[str, str]] = {
    "object": Sentence(gettext_noop("an object")),
    "array": Sentence(gettext_noop("a list")),
    "string": Sentence(gettext_noop("a text")),
    "number": Sentence(gettext_noop("a number")),
    "integer": Sentence(gettext_noop("a whole number")),
    "boolean": Sentence(gettext_noop("true or false")),
    "null": "null",
}
_KINDS_OF: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "boolean"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (Mapping, "object"),
    (type(None), "null"),
)
_PROBLEMS: Final[Mapping[str, _Told]] = {
    "type": _type,
    "enum": _enum,
    "const": _compared(gettext_noop("is %(value)s, but must be %(wanted)s")),
    "minLength": _counted(_AT_LEAST, *_CHARACTERS),
    "maxLength": _counted(_AT_MOST, *_CHARACTERS),
    "minItems": _counted(_AT_LEAST, *_ITEMS),
    "maxItems": _counted(_AT_MOST, *_ITEMS),
    "minProperties": _counted(_AT_LEAST, *_FIELDS),
    "maxProperties": _counted(_AT_MOST, *_FIELDS),
    "minimum": _compared(gettext_noop("is %(value)s, but must be at least %(wanted)s")),
    "maximum": _compared(gettext_noop("is %(value)s, but must be at most %(wanted)s")),
    "exclusiveMinimum": _compared(gettext_noop("is %(value)s, but must be more than %(wanted)s")),
    "exclusiveMaximum": _compared(gettext_noop("is %(value)s, but must be less than %(wanted)s")),
    "multipleOf": _compared(gettext_noop("is %(value)s, but must be a multiple of %(wanted)s")),
    "uniqueItems": _just(gettext_noop("holds the same item twice")),
    "pattern": _compared(gettext_noop("is %(value)s, but must match the pattern %(wanted)s")),
    "format": _compared(gettext_noop("is %(value)s, but must have the format %(wanted)s")),
    "contains": _just(gettext_noop("does not hold an item that it must have")),
    "anyOf": _just(gettext_noop("has none of the forms that are allowed")),
    "oneOf": _just(gettext_noop("must have one of the forms that are allowed, and only one")),
    "not": _just(gettext_noop("has a form that is not allowed")),
    "dependentRequired": _just(gettext_noop("lacks a field that goes with another")),
    "items": _just(_WRONG_ITEM),
    "unevaluatedItems": _just(_WRONG_ITEM),
}
