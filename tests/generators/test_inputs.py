from __future__ import annotations

from typing import Any

import pytest

from generators import inputs
from generators.errors import InvalidInput
from llmbackends.types import ImagePart, Message, TextPart
from tests.generators.rows import COLUMNS, definition

TABLE = definition(input_schema=COLUMNS, max_input_chars=100)
PROMPT = definition(takes_messages=True, max_input_chars=10)


def test_input_that_fits_is_taken() -> None:
    inputs.check(TABLE, {"table": "orders", "columns": [{"name": "id"}]})
    inputs.check_prompt(PROMPT, "Hello")
    inputs.check_messages(PROMPT, [Message("user", "Hello"), Message("assistant", "Hi")])


@pytest.mark.parametrize(
    ("given", "param", "message"),
    [
        ({}, "input.table", "The field input.table is missing."),
        (
            {"table": "a", "columns": [{"name": 1}]},
            "input.columns[0].name",
            "The field input.columns[0].name must be a text, not a number.",
        ),
        ({"table": "a" * 101}, "input", "The field input must have at most 100 characters."),
        ({"a" * 101: 1}, "input", "The field input must have at most 100 characters."),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_place(given: Any, param: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        inputs.check(TABLE, given)

    assert (caught.value.param, caught.value.message) == (param, message)


def test_prompt_that_does_not_fit_is_called_the_prompt() -> None:
    with pytest.raises(InvalidInput, match="The field prompt must have at most 10 characters") as caught:
        inputs.check_prompt(PROMPT, "x" * 11)
    assert caught.value.param == "prompt"

    short = definition(input_schema={"properties": {"prompt": {"maxLength": 3}}})
    with pytest.raises(InvalidInput, match="The field prompt must have at most 3 characters"):
        inputs.check_prompt(short, "long")


def test_generator_that_takes_no_prompt_says_what_it_lacks() -> None:
    with pytest.raises(
        InvalidInput, match=r"ui-v1 takes no prompt alone\..*input.table is missing"
    ) as caught:
        inputs.check_prompt(TABLE, "Make a form.")

    assert caught.value.param == "prompt"


def test_messages_are_refused_where_they_are_not_taken() -> None:
    with pytest.raises(InvalidInput, match="ui-v1 takes no messages") as caught:
        inputs.check_messages(TABLE, [Message("user", "Hello")])

    assert caught.value.param == "messages"


def test_length_of_messages_counts_their_texts_and_no_images() -> None:
    image = ImagePart(data="x" * 1000, media_type="image/png")
    inputs.check_messages(PROMPT, [Message("user", (TextPart("x" * 10), image))])

    with pytest.raises(InvalidInput, match="The field messages must have at most 10 characters"):
        inputs.check_messages(PROMPT, [Message("user", "x" * 6), Message("user", "x" * 5)])
