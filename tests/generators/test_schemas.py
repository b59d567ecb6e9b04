from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import schemas
from generators.errors import SchemaError
from generators.schemas import Validator, check
from tests.generators.rows import COLUMNS

FITTING = {"table": "orders", "columns": [{"name": "id", "kind": "number"}]}


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "schema",
    [
        COLUMNS,
        {},
        {"$schema": schemas.DIALECT, "type": "object"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"properties": {"inner": {"$ref": "#"}, "anything": {"$ref": "#/$defs/all"}}, "$defs": {"all": True}},
        {"definitions": {"a b": {}}, "items": {"$ref": "#/definitions/a%20b"}},
        {"properties": {"$id": {}, "pattern": {}, "patternProperties": {}, "$ref": {"type": "string"}}},
        {"properties": {"a": {"pattern": "^[a-z]+$", "format": "date"}}, "additionalProperties": False},
        {"const": {"$ref": "http://elsewhere"}, "default": {"pattern": "("}},
    ],
)
def test_schema_that_can_be_used_is_accepted(schema: Any) -> None:
    check(schema)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ([], ""),
        ("object", ""),
        ({"type": "objekt"}, "type"),
        ({"properties": {"a": {"required": "b"}}}, "properties.a.required"),
        ({"$ref": "https://example.org/schema"}, "$ref"),
        ({"$ref": "other.json"}, "$ref"),
        ({"allOf": [{}, {"$ref": "#/$defs/a"}]}, "allOf[1].$ref"),
        ({"$ref": "#anchor"}, "$ref"),
        ({"$ref": "#/type", "type": "object"}, "$ref"),
        (
            {"items": {"$ref": "#/examples/0"}, "examples": [{"patternProperties": {"^(a+)+$": {}}}]},
            "items.$ref",
        ),
        ({"items": {"$ref": "#/own"}, "own": {"pattern": "(?=a)"}}, "items.$ref"),
        ({"items": {"$ref": "#/own"}, "own": {"$ref": "https://example.org/schema"}}, "items.$ref"),
        ({"items": {"$ref": "#/own"}, "own": {"type": "objekt"}}, "items.$ref"),
        ({"$ref": "#"}, "$ref"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "$defs.a.$ref"),
        ({"$id": "https://example.org"}, "$id"),
        ({"items": {"$dynamicRef": "#a"}}, "items.$dynamicRef"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
        ({"items": {"$schema": schemas.DIALECT}}, "items.$schema"),
        ({"patternProperties": {"^a": {}}}, "patternProperties"),
        ({"items": {"pattern": "(a"}}, "items.pattern"),
        ({"pattern": r"(a)\1"}, "pattern"),
        ({"pattern": "(?=a)"}, "pattern"),
        ({"pattern": "[a-z]{1,100000000}"}, "pattern"),
        ({"description": "x" * (schemas.MAX_SCHEMA + 1)}, ""),
        (deep(schemas.MAX_SCHEMA_DEPTH + 1), ""),
        (deep(100_000), ""),
    ],
)
def test_schema_that_cannot_be_used_is_refused_with_its_place(schema: Any, place: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check(schema)

    assert caught.value.place == place
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    ("value", "place", "problem"),
    [
        ({"columns": []}, "table", "is missing"),
        ({"table": "a", "columns": []}, "columns", "must have at least 1 item"),
        ({"table": "a", "columns": [{}]}, "columns[0].name", "is missing"),
        ({"table": "a", "columns": [{"name": 1}]}, "columns[0].name", "must be a text, not a number"),
        (
            {"table": "a", "columns": [{"name": "b", "kind": "date"}]},
            "columns[0].kind",
            'is "date", but must be one of "text", "number"',
        ),
        (
            {"table": "a", "columns": [{"name": "b", "size": 1}]},
            "columns[0].size",
            "is not a known field; the fields are name, kind",
        ),
        ([], "", "must be an object, not a list"),
    ],
)
def test_fault_says_where_and_what(value: Any, place: str, problem: str) -> None:
    fault = Validator(COLUMNS).first_fault(value)

    assert fault is not None
    assert (fault.place_in(), fault.problem) == (place, problem)


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({"type": ["string", "null"]}, True, "must be a text or null, not true or false"),
        ({"const": 1}, 2, "is 2, but must be 1"),
        ({"const": 1}, True, "is true, but must be 1"),
        ({"enum": [1, [0]]}, True, "is true, but must be one of 1, [0]"),
        ({"enum": [1, [0]]}, [False], "is [false], but must be one of 1, [0]"),
        ({"maxLength": 1}, "ab", "must have at most 1 character"),
        ({"minProperties": 2}, {}, "must have at least 2 fields"),
        ({"maximum": 1}, 2, "is 2, but must be at most 1"),
        ({"exclusiveMinimum": 1}, 1, "is 1, but must be more than 1"),
        ({"multipleOf": 5}, 7, "is 7, but must be a multiple of 5"),
        ({"multipleOf": 2.5}, 10**350 + 1, f"is 1{'0' * 59}…, but must be a multiple of 2.5"),
        ({"pattern": "^a$"}, "b", 'is "b", but must match the pattern "^a$"'),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], "holds the same item twice"),
        ({"not": {}}, 1, "has a form that is not allowed"),
        ({"items": False}, [1], "holds an item that is not allowed"),
        ({"properties": {"a": False}}, {"a": 1}, "is not allowed here"),
        ({"anyOf": [{"type": "string"}, {"type": "number"}]}, [], "has none of the forms that are allowed"),
        ({"enum": ["x" * 100]}, "y" * 100, f'is "{"y" * 59}…, but must be one of "{"x" * 59}…'),
        ({"unevaluatedProperties": False}, {"a": 1}, "is not a known field"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "must have at most 1 character"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "lacks a field that goes with another"),
        ({"contains": {"const": 1}}, [2], "does not hold an item that it must have"),
    ],
)
def test_every_keyword_has_words_of_its_own(schema: Any, value: Any, problem: str) -> None:
    fault = Validator(schema).first_fault(value)

    assert fault is not None
    assert fault.problem == problem


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (COLUMNS, FITTING),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}]),
        ({"multipleOf": 0.25}, 10**350 + 1),
        ({"enum": ["a", 1, None, [True], {"b": [2.0]}]}, {"b": [2]}),
        ({"enum": ["a", 1]}, 1.0),
        ({"items": {"type": "integer", "enum": list(range(300))}}, [299] * 9_000),
        ({"const": [0, 1]}, [0.0, 1]),
        ({"format": "date"}, "no date"),
        ({"$schema": schemas.DIALECT, "pattern": "a"}, "cab"),
    ],
)
def test_value_that_fits_has_no_fault(schema: Any, value: Any) -> None:
    assert Validator(schema).first_fault(value) is None


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*a){20}$"])
def test_pattern_takes_linear_time(pattern: str) -> None:
    """Python's own engine would be at it for years."""
    schema = {"type": "string", "pattern": pattern}
    check(schema)
    began_at = time.process_time()

    assert Validator(schema).first_fault("a" * 20_000 + "!") is not None

    assert time.process_time() - began_at < 5


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"enum": list(range(15_000))}}, [14_999] * 9_000),
        ({"items": {"enum": [str(number) for number in range(9_000)]}}, ["8999"] * 9_000),
        ({"items": {"enum": [[0] * 10 + [number] for number in range(2_000)]}}, [[0] * 11] * 800),
        ({"allOf": [{"uniqueItems": True}] * 2_000}, list(range(9_900))),
        ({"allOf": [{"$ref": "#/$defs/a"}] * 2_000, "$defs": {"a": {"const": [0] * 9_900}}}, [0] * 9_900),
        ({"items": {"properties": {f"n{number}": True for number in range(5_000)}}}, [{}] * 9_000),
        ({"allOf": [{"$ref": "#/$defs/a"}] * 50, "$defs": {"a": {"unevaluatedItems": True}}}, [0] * 9_000),
    ],
    ids=["enum", "enum of texts", "enum of lists", "uniqueItems", "const", "properties", "unevaluatedItems"],
)
def test_long_lists_in_schema_and_value_do_not_multiply(schema: Any, value: Any) -> None:
    check(schema)
    began_at = time.process_time()

    Validator(schema).first_fault(value)

    assert time.process_time() - began_at < 3


def both(reference: str) -> Any:
    return {"anyOf": [{"$ref": reference}, {"$ref": reference}]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {
                "$defs": {"a": {"properties": {"x": both("#/$defs/a")}, "required": ["y"]}},
                **both("#/$defs/a"),
            },
            deep(50),
        ),
        ({}, deep(schemas.MAX_DEPTH + 1)),
        ({}, deep(100_000)),
        ({}, [0] * (schemas.MAX_VALUES + 1)),
    ],
    ids=["multiplying", "deep", "very deep", "many"],
)
def test_value_that_cannot_be_checked_within_bounds_does_not_fit(schema: Any, value: Any) -> None:
    check(schema)

    assert Validator(schema).first_fault(value) is not None


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["table", "columns", "name", "kind", "x"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_value_fits_or_has_a_fault_with_a_sentence(value: Any) -> None:
    fault = Validator(COLUMNS).first_fault(value)

    assert fault is None or (fault.problem and "does not fit its schema" not in fault.problem)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/properties/a"}]}}},
        {"not": {"oneOf": [{"if": {"$ref": "#"}}]}},
        {"dependentSchemas": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"then": {"$ref": "#"}}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    ],
)
def test_schema_that_is_applied_to_one_value_for_ever_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaError, match="leads back to itself") as caught:
        check(schema)

    assert caught.value.place.endswith("$ref")


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#"}}, "items": {"anyOf": [{"$ref": "#"}]}},
        {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object"}}},
    ],
)
def test_schema_that_leads_to_itself_only_for_an_inner_value_is_fine(schema: Any) -> None:
    check(schema)
