"""A JSON value that fits a schema, made without a model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from .texts import Sentence, gettext_noop

Schema = Mapping[str, Any]

_FULL_DEPTH = 4
"""Down to here optional properties and list items are made as well; a schema that contains itself ends."""
_MAX_DEPTH = 20

_WORD = "text"
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


_NO_SCHEMA = gettext_noop("at %(place)s it is not a JSON Schema")
_ELSEWHERE = gettext_noop("it refers to something that is not in it: %(error)s")
_NOT_FITTING = gettext_noop("the value that was found does not fit “%(keyword)s” at %(place)s")
_TOO_DEEP = Sentence(gettext_noop("it contains itself, or nests too deeply"))


class NoExample(ValueError):
    """No fitting value was found, which does not mean that there is none. Its argument is a Sentence."""


def example_of(schema: Schema) -> Any:
    """Always the same value for the same schema: each property, and at least one item in a list.

    Knows types, const, enum, bounds, lengths, the first of anyOf and oneOf, all of allOf, and references
    inside the schema; no patterns and no conditions. Raises NoExample.
    """
    try:
        Draft202012Validator.check_schema(dict(schema))
        value = _make(schema, schema, 0)
        # With a registry of its own the validator fetches nothing from elsewhere.
        validator = Draft202012Validator(dict(schema), registry=Registry())
        problem = next(validator.iter_errors(value), None)
    except SchemaError as error:
        raise NoExample(Sentence(_NO_SCHEMA, place=error.json_path)) from error
    except Unresolvable as error:
        raise NoExample(Sentence(_ELSEWHERE, error=str(error))) from error
    if problem is not None:
        raise NoExample(Sentence(_NOT_FITTING, place=problem.json_path, keyword=str(problem.validator)))
    return value


def _make(schema: Schema | bool, root: Schema, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise NoExample(_TOO_DEEP)
    if isinstance(schema, bool):
        return _WORD
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if (part := _part(schema, root)) is not None:
        return _make(part, root, depth + 1)
    return _make_of_type(_type(schema), schema, root, depth)


def _part(schema: Schema, root: Schema) -> Schema | None:
    """The schema with one reference, choice or conjunction resolved; None if it has none."""
    rest = dict(schema)
    if "$ref" in rest:
        return _merged(_referred(rest.pop("$ref"), root), rest)
    for key in ("anyOf", "oneOf"):
        if key in rest:
            return _merged(rest.pop(key)[0], rest)
    if "allOf" in rest:
        merged: Schema = {key: value for key, value in rest.items() if key != "allOf"}
        for each in rest["allOf"]:
            merged = _merged(each, merged)
        return merged
    return None


def _merged(one: Schema | bool, other: Schema) -> Schema:
    if isinstance(one, bool):
        return other
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _referred(reference: str, root: Schema) -> Schema | bool:
    """Raises Unresolvable, like the validator, unless it points into the schema."""
    found: Any = root
    if not reference.startswith("#"):
        raise Unresolvable(ref=reference)
    for key in reference[1:].split("/")[1:]:
        name = key.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            raise Unresolvable(ref=reference)
        found = found[name]
    return found if isinstance(found, bool) else dict(found)


def _type(schema: Schema) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        return str(named[0])
    if named is not None:
        return str(named)
    return next((kind for key, kind in _TYPE_OF_KEY.items() if key in schema), "string")


_TYPE_OF_KEY = {"properties": "object", "required": "object", "items": "array", "minimum": "number"}


def _make_of_type(kind: str, schema: Schema, root: Schema, depth: int) -> Any:
    match kind:
        case "object":
            return dict(_members(schema, root, depth))
        case "array":
            return list(_items(schema, root, depth))
        case "integer":
            return _integer(schema)
        case "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _text(schema)


def _members(schema: Schema, root: Schema, depth: int) -> Iterator[tuple[str, Any]]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    for name, each in properties.items():
        if name in required or depth < _FULL_DEPTH:
            yield name, _make(each, root, depth + 1)
    for name in required:
        if name not in properties:
            additional = schema.get("additionalProperties", True)
            yield name, _make(additional, root, depth + 1)


def _items(schema: Schema, root: Schema, depth: int) -> Iterator[Any]:
    first = schema.get("prefixItems", [])
    wanted = max(schema.get("minItems", 0), 1 if depth < _FULL_DEPTH else 0)
    count = max(min(wanted, schema.get("maxItems", wanted)), len(first))
    for index in range(count):
        item = first[index] if index < len(first) else schema.get("items", True)
        yield _make(item, root, depth + 1)


def _integer(schema: Schema) -> int:
    """1 where the bounds allow it, else the nearest that they do; the same in `_number`."""
    low = max(math.ceil(schema.get("minimum", 1)), math.floor(schema.get("exclusiveMinimum", 0)) + 1)
    high = min(math.floor(schema.get("maximum", low)), math.ceil(schema.get("exclusiveMaximum", low + 1)) - 1)
    factor = schema.get("multipleOf", 1)
    return int(math.ceil(min(low, high) / factor) * factor)


def _number(schema: Schema) -> float:
    lows = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
    value = min([max([1.0, *lows]), *highs])
    if value in (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")):
        low, high = max([*lows, value - 1]), min([*highs, value + 1])
        value = (low + high) / 2
    factor = schema.get("multipleOf")
    return float(math.ceil(value / factor) * factor if factor else value)


def _text(schema: Schema) -> str:
    text = _FORMATS.get(schema.get("format", ""), _WORD)
    repeated = text * math.ceil(schema.get("minLength", 0) / len(text) or 1)
    return repeated[: schema.get("maxLength")]
