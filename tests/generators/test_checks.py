from __future__ import annotations

from typing import Any

import pytest

from generators.checks import problems_of
from tests.generators.rows import ANY_OBJECT, COLUMNS, definition


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"output_kind": "json"},
        {"output_kind": "json", "output_schema": ANY_OBJECT},
        {"output_kind": "fenced", "fence_language": "c++"},
        {"input_schema": COLUMNS, "prompt_template": "{{table}}{{#columns}}{{name}}{{anything}}{{/columns}}"},
        {"input_schema": {"type": "object"}, "prompt_template": "{{whatever}}"},
    ],
)
def test_definition_that_can_be_published_has_no_problems(fields: Any) -> None:
    assert problems_of(definition(**fields)) == []


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        (
            {"prompt_template": "a\n{{#b}}"},
            "prompt_template",
            "Line 2, column 1: This section is never closed.",
        ),
        (
            {"prompt_template": "{{prompt}}{{table}}{{rows}}"},
            "prompt_template",
            "The input schema knows no “rows”, “table”.",
        ),
        ({"input_schema": {}}, "input_schema", "An input is a JSON object"),
        ({"input_schema": {"type": "objekt"}}, "input_schema", "type: This is no JSON Schema"),
        (
            {"output_kind": "json", "output_schema": {"$ref": "x"}},
            "output_schema",
            "$ref: A reference points",
        ),
        ({"output_schema": {}}, "output_schema", "Only a JSON output has a schema."),
        ({"output_kind": "fenced"}, "fence_language", "A fenced block has a language"),
        (
            {"output_kind": "fenced", "fence_language": "a b"},
            "fence_language",
            "A fenced block has a language",
        ),
        ({"fence_language": "html"}, "fence_language", "Only a fenced block has a language."),
    ],
)
def test_every_problem_names_its_field(fields: Any, field: str, message: str) -> None:
    problem = problems_of(definition(**fields))[0]

    assert problem.field == field
    assert problem.message.startswith(message)


def test_all_problems_are_told_at_once() -> None:
    broken = definition(prompt_template="{{", input_schema={"type": 1}, output_kind="fenced")

    assert {problem.field for problem in problems_of(broken)} == {
        "prompt_template",
        "input_schema",
        "fence_language",
    }
