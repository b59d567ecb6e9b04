"""Values for schemas, found without a model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from llmbackends.json_example import NoExample, example_of

CHILDREN = {"type": "array", "items": {"$ref": "#/$defs/node"}}
NODE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": CHILDREN},
    "required": ["name", "children"],
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "text"),
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "texttext"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "minLength": 5, "maxLength": 5}, "textt"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 2.5}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "number"}, 1),
        ({"type": "number", "minimum": 1.5}, 1.5),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, 0.25),
        ({"type": "number", "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "items": {"type": "null"}, "minItems": 3}, [None, None, None]),
        ({"type": "array", "maxItems": 0}, []),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, [1, "text"]),
        ({"type": "object", "properties": {"a": {"type": "null"}, "b": {}}}, {"a": None, "b": "text"}),
        ({"type": "object", "required": ["c"], "additionalProperties": {"type": "integer"}}, {"c": 1}),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 1),
        (
            {"allOf": [{"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"required": ["b"]}]},
            {"a": None, "b": "text"},
        ),
        ({"$defs": {"x/y": {"const": 5}}, "$ref": "#/$defs/x~1y"}, 5),
        ({"$defs": {"any": True}, "properties": {"a": {"$ref": "#/$defs/any"}}}, {"a": "text"}),
    ],
)
def test_example_is_the_expected_value(schema: dict[str, Any], expected: Any) -> None:
    assert example_of(schema) == expected


def test_example_of_a_schema_that_contains_itself_ends() -> None:
    schema = {"$defs": {"node": NODE}, "$ref": "#/$defs/node"}

    example = example_of(schema)

    assert example["children"][0]["name"] == "text"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "string", "pattern": "^[0-9]+$"}, "does not fit"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "does not fit"),
        ({"type": "nonsense"}, "not a JSON Schema"),
        ({"type": "object", "required": 5}, "not a JSON Schema"),
        ({"$ref": "#/$defs/gone"}, "not in it"),
        ({"$ref": "https://example.org/schema.json"}, "not in it"),
        ({"$ref": "#"}, "contains itself"),
        ({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}, "contains itself"),
    ],
)
def test_schema_without_an_example_says_why(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoExample, match=reason):
        example_of(schema)


LEAVES = st.one_of(
    st.builds(lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
              st.integers(-50, 50), st.integers(0, 50)),
    st.builds(lambda low, size: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + size},
              st.integers(-50, 50), st.integers(1, 50)),
    st.builds(lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size},
              st.integers(0, 20), st.integers(0, 20)),
    st.builds(lambda values: {"enum": values}, st.lists(st.text(), min_size=1, unique=True)),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {}]),
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties),
                "additionalProperties": False,
            },
            st.dictionaries(st.text(max_size=5), inner, max_size=4),
        ),
        st.builds(
            lambda items, count: {"type": "array", "items": items, "minItems": count},
            inner,
            st.integers(0, 3),
        ),
    ),
    max_leaves=10,
)


@given(schema=SCHEMAS)
def test_example_fits_every_plain_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(example_of(schema))
