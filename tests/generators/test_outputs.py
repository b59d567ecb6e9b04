from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import outputs
from generators.outputs import CUT, Fitting, Misfit, read
from llmbackends.types import FinishReason
from tests.generators.rows import ANY_OBJECT, COLUMNS, definition

STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH
TEXT = definition(max_output_chars=10)
JSON = definition(output_kind="json", output_schema=ANY_OBJECT)
FORM = definition(output_kind="json", output_schema=COLUMNS)
LIST = definition(output_kind="json", output_schema={"type": "array"})
HTML = definition(output_kind="fenced", fence_language="HTML")


def fault(*read_from: Any, reason: FinishReason = STOP) -> str:
    outcome = read(*read_from, reason)
    assert isinstance(outcome, Misfit)
    return outcome.fault


@pytest.mark.parametrize("reason", FinishReason)
def test_text_is_only_bounded(reason: FinishReason) -> None:
    assert read(TEXT, "{not json", reason) == Fitting("{not json")
    assert read(TEXT, "", reason) == Fitting("")
    assert read(TEXT, "x" * 11, reason) == Misfit("The answer has more than 10 characters.")


@pytest.mark.parametrize(
    ("answer", "text", "data"),
    [
        (' {"a": 1.5}\n', '{"a": 1.5}', {"a": 1.5}),
        ('```json\n{"a": 1}\n```', '{"a": 1}', {"a": 1}),
        ('Here it is:\n```\n{"a": 1}\n```\nBye.', '{"a": 1}', {"a": 1}),
        ('```python\nx = {}\n```\n```json\n{"a": 1}\n```', '{"a": 1}', {"a": 1}),
        ('Sure [1]! {"a": {"b": []}} Is {this} fine?', '{"a": {"b": []}}', {"a": {"b": []}}),
        ('{"a": 1}\nHope this helps!', '{"a": 1}', {"a": 1}),
        ("<think>maybe {a}</think>{}", "{}", {}),
    ],
)
def test_json_is_found_in_what_a_model_says(answer: str, text: str, data: Any) -> None:
    assert read(JSON, answer, STOP) == Fitting(text, data)


def test_list_is_found_where_the_schema_wants_one() -> None:
    assert read(LIST, 'The list: [{"a": 1}].', STOP) == Fitting('[{"a": 1}]', [{"a": 1}])


def test_json_without_a_schema_is_any_value() -> None:
    assert read(definition(output_kind="json"), "42", STOP) == Fitting("42", 42)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "The answer is empty."),
        (" \n", "The answer is empty."),
        ("No.", "The answer holds no JSON that can be read."),
        ('{"a": 1', "The answer is not valid JSON: Expecting ',' delimiter (line 1, column 8)."),
        ("```json\n{'a': 1}\n```", "The answer is not valid JSON: Expecting property name"),
        ('{"a": NaN}', "The answer is not valid JSON: NaN is not a JSON number."),
        ('{"a": 1e999}', "A number is too large."),
        (f'{{"a": {"9" * 101}}}', "A number has more than 100 digits."),
        ('{"a": 1, "a": 2}', 'The name "a" stands twice in one object.'),
        ('First {"a": 1}, then {"b": 1}.', "The answer holds more than one JSON value."),
        ('```json\n{}\n```\n```json\n{"a": 1}\n```', "The answer holds more than one JSON value."),
        ("[" * 100_000, "The answer is nested too deeply."),
        ('{"a": ' * 1_000_000, "The answer has more than 1000000 characters."),
        ("[1]", "The answer must be an object, not a list."),
    ],
)
def test_answer_that_is_no_json_is_told_so(answer: str, told: str) -> None:
    assert fault(JSON, answer).startswith(told)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('{"table": "a", "columns": []}', "`columns` must have at least 1 item."),
        (
            '{"table": "a", "columns": [{"name": "b", "kind": "foo"}]}',
            '`columns[0].kind` is "foo", but must be one of "text", "number".',
        ),
        ("{}", "`table` is missing."),
    ],
)
def test_json_that_does_not_fit_the_schema_is_told_where(answer: str, told: str) -> None:
    assert fault(FORM, answer) == told


@pytest.mark.parametrize("wanted", [JSON, HTML])
def test_answer_that_was_cut_never_fits(wanted: Any) -> None:
    assert fault(wanted, '{"a": 1}\n```html\n<p>\n```', reason=LENGTH) == CUT


@pytest.mark.parametrize(
    ("answer", "inside"),
    [
        ("```html\n<p>\n  a\n</p>\n```", "<p>\n  a\n</p>"),
        ("Here:\n\n```HTML title=x\n<p>\n```\nDone.", "<p>"),
        ("```\n<p>\n```", "<p>"),
        ("~~~html\n```\n<p>\n~~~~", "```\n<p>"),
        ("````html\n```\n<p>\n````", "```\n<p>"),
        ("```css\np {}\n```\n```html\n<p>\n```", "<p>"),
        ("   ```html\r\n<p>\r\n   ```", "<p>\r"),
        ("```html\n<p>\u2028</p>\n```", "<p>\u2028</p>"),
    ],
)
def test_block_of_the_language_is_found(answer: str, inside: str) -> None:
    assert read(HTML, answer, STOP) == Fitting(inside)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("<p>", "The answer holds no block that begins with ```html."),
        ("```css\np {}\n```", "The answer holds no block"),
        ("```\n<p>\n```\n```\n<b>\n```", "The answer holds no block"),
        ("```html\n<p>\n```\n```html\n<b>\n```", "The answer holds 2 blocks of html, but must hold one."),
        ("```html\n<p>\n``", "The block of html is never closed with ```."),
        ("```html\n<p>\n```css", "The block of html is never closed with ```."),
        ("```html\n \n```", "The block of html is empty."),
    ],
)
def test_answer_without_the_one_block_is_told_so(answer: str, told: str) -> None:
    assert fault(HTML, answer).startswith(told)


@pytest.mark.parametrize("wanted", [JSON, FORM, LIST, HTML])
@given(answer=st.text(st.sampled_from('{}[]":,`~ \nhtmljson1a\\'), max_size=60))
def test_any_answer_is_read_or_told_in_a_sentence(wanted: Any, answer: str) -> None:
    outcome = read(wanted, answer, STOP)

    assert isinstance(outcome, Fitting) or outcome.fault.endswith(".")


@pytest.mark.parametrize("wanted", [JSON, HTML])
@pytest.mark.parametrize("piece", ["{", '{"a":', "```html\n", "`", "```", "[{"])
def test_answer_of_any_kind_is_read_quickly(wanted: Any, piece: str) -> None:
    assert isinstance(read(wanted, piece * 100_000, STOP), Misfit)


@pytest.mark.parametrize("inside", ["[" + "1," * 400_000, '"' + "x" * 800_000])
def test_almost_whole_answer_is_not_read_again_for_each_object_in_it(
    monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    starts: list[int] = []
    decode = outputs._decoder.raw_decode

    def counted(text: str, idx: int = 0) -> Any:
        starts.append(idx)
        return decode(text, idx)

    monkeypatch.setattr(outputs._decoder, "raw_decode", counted)

    assert isinstance(read(JSON, '{"a":' * 150 + inside, STOP), Misfit)
    assert len(starts) <= 6


def test_object_is_found_behind_many_that_are_broken() -> None:
    assert read(JSON, '{"a" ' * 150 + '{"b": 1}', STOP) == Fitting('{"b": 1}', {"b": 1})
