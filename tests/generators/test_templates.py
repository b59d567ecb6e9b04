from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from generators import templates
from generators.errors import PromptTooLong, TemplateError
from generators.templates import parse

TABLE = {
    "table": {"name": "orders", "rows": 3},
    "columns": [{"name": "id", "kind": "number"}, {"name": "note"}],
    "tags": ["a", "b"],
    "name": "outside",
    "nothing": None,
    "none": [],
    "no": False,
    "zero": 0,
    "empty": "",
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{name}}", "outside"),
        ("{{ table.name }}", "orders"),
        ("{{table.rows}} {{no}} {{tags}} {{table}}", '3 false ["a", "b"] {"name": "orders", "rows": 3}'),
        ("[{{missing}}{{table.missing}}{{name.missing}}{{nothing}}{{tags.0}}]", "[]"),
        ("{{#tags}}<{{.}}>{{/tags}}", "<a><b>"),
        ("{{#columns}}{{name}}:{{kind}};{{/columns}}", "id:number;note:;"),
        ("{{#columns}}{{table.name}} {{/columns}}", "orders orders "),
        ("{{#table}}{{name}}{{/table}}", "orders"),
        ("{{#zero}}there{{/zero}}{{#name}} is {{.}}{{/name}}", "there is outside"),
        ("{{#nothing}}x{{/nothing}}{{#none}}x{{/none}}{{#no}}x{{/no}}{{#empty}}x{{/empty}}", ""),
        ("{{^nothing}}1{{/nothing}}{{^none}}2{{/none}}{{^no}}3{{/no}}{{^name}}4{{/name}}", "123"),
        ("a{{! a comment\nof two lines }}b", "ab"),
        ("a } {b} { {c}} }}", "a } {b} { {c}} }}"),
        ("{{이름}}", ""),
        ("{{=<% %>=}}Write {{name}} for <%name%>.", "Write {{name}} for outside."),
        ("{{name}}{{= | | =}}{{x}}|name||={{ }}=|{{zero}}", "outside{{x}}outside0"),
        ("{{#tags}}{{=[ ]=}}{{[.]}}[={{ }}=]{{/tags}}", "{{a}}{{b}}"),
        ("{{={{ }}=}}{{name}}", "outside"),
    ],
)  # fmt: skip
def test_template_is_rendered(source: str, text: str) -> None:
    assert parse(source).render(TABLE) == text


def test_tag_that_has_a_line_to_itself_takes_the_line_with_it() -> None:
    source = (
        "{{=<% %>=}}\nColumns:\n  <%#columns%>\n- <%name%>\n<%={{ }}=%>\n{{! not yet }}\n"
        "  {{/columns}}\nEnd {{#no}}\n{{/no}}"
    )

    assert parse(source).render(TABLE) == "Columns:\n- id\n- note\nEnd "


@pytest.mark.parametrize(
    ("source", "line", "column", "problem"),
    [
        ("a\nb {{name", 2, 3, "no }}"),
        ("{{#a}}\n{{#b}}{{/a}}", 2, 7, "closes “a”"),
        ("{{#a}}", 1, 1, "never closed"),
        ("x{{/a}}", 1, 2, "closes no section"),
        ("{{a.}}", 1, 1, "“a.” is none"),
        ("{{}}", 1, 1, "is none"),
        ("{{a b}}", 1, 1, "is none"),
        ("{{a()}}", 1, 1, "is none"),
        ("{{a[0]}}", 1, 1, "is none"),
        ("{{{a}}}", 1, 1, "{{{"),
        ("{{&a}}", 1, 1, "{{&"),
        ("{{> part}}", 1, 1, "{{>"),
        ("{{=<%=}}", 1, 1, "such as {{=<% %>=}}"),
        ("{{=< % >=}}", 1, 1, "such as {{=<% %>=}}"),
        ("{{=<% %>}}", 1, 1, "no =}}"),
        ("{{=}}", 1, 1, "is none"),
        ("{{=<% %>=}}\n<%name", 2, 1, "no %>"),
        ("{{=<% %>=}}\n<%#a%>{{/a}}", 2, 1, "never closed"),
    ],
)
def test_template_that_cannot_be_read_is_refused_with_its_place(
    source: str, line: int, column: int, problem: str
) -> None:
    with pytest.raises(TemplateError, match=problem.replace("{", r"\{").replace("(", r"\(")) as caught:
        parse(source)

    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    "source",
    [
        "x" * (templates.MAX_SOURCE + 1),
        "{{#a}}" * 21 + "{{/a}}" * 21,
        "{{a}}" * (templates.MAX_TAGS + 1),
    ],
    ids=["long", "deep", "many tags"],
)
def test_template_beyond_the_bounds_is_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        parse(source)


def test_prompt_beyond_the_bound_is_refused() -> None:
    template = parse("{{#tags}}{{.}}{{/tags}}")

    assert template.render({"tags": ["ab", "cd"]}, most=4) == "abcd"
    with pytest.raises(PromptTooLong):
        template.render({"tags": ["ab", "cde"]}, most=4)


@pytest.mark.parametrize("inside", ["", "{{x}}", "x"])
def test_sections_that_multiply_end(inside: str) -> None:
    depth = 10
    source = "{{#a}}" * depth + inside + "{{/a}}" * depth

    with pytest.raises(PromptTooLong):
        parse(source).render({"a": list(range(1, 100))})


def test_names_that_are_looked_up_in_the_input_itself_are_known() -> None:
    template = parse("{{table.name}}{{#columns}}{{kind}}{{/columns}}{{^tags}}{{/tags}}{{.}}")

    assert template.outer_names == {"table", "columns", "tags"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
evil_texts = st.sampled_from(
    ["{{secret}}", "{{#a}}", "{{/a}}", "}}", "{{", "{{{b}}}", "{{>p}}", "{{=[ ]=}}", "{0.__class__}", "%s"]
)


@given(value=values | evil_texts)
@example(value="{{secret}}")
def test_no_value_is_ever_read_as_a_template(value: Any) -> None:
    rendered = parse("<{{a}}>").render({"a": value, "secret": "s3cret"})

    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    assert rendered == ("<>" if value is None else f"<{told}>")


class Trap:
    """What a JSON value never is: it tells whoever touches an attribute, an item or its text."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Trap
        raise AssertionError(f"{name} was read")


@given(
    name=st.sampled_from(
        ["__class__", "__init__", "__dict__", "items", "keys", "get", "upper", "format", "count", "real", "a"]
    ),
    value=values,
)
def test_attributes_of_values_are_out_of_reach(name: str, value: Any) -> None:
    holds_it = isinstance(value, dict) and name in value
    rendered = parse(f"{{{{v.{name}}}}}{{{{#v}}}}{{{{{name}}}}}{{{{/v}}}}").render({"v": value})

    assert holds_it or rendered == "" or _is_inside(name, value)


def _is_inside(name: str, value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and name in item for item in value)


def test_attributes_of_a_stranger_are_not_even_looked_at() -> None:
    assert parse("{{v.a}}{{v.__class__}}{{#v}}{{a}}{{/v}}").render({"v": Trap()}) == ""


@given(source=st.text(st.sampled_from("{}#^/!.a b\n&>="), max_size=40), value=values)
def test_any_source_is_a_template_or_refused(source: str, value: Any) -> None:
    with suppress(TemplateError):
        parse(source).render({"a": value})


@given(text=st.text().filter(lambda text: "{{" not in text))
def test_text_without_tags_is_kept_as_it_is(text: str) -> None:
    assert parse(text).render({}) == text
