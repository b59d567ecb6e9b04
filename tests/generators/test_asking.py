from __future__ import annotations

from typing import Any

import pytest

from generators.asking import MAX_QUOTED, Given, first_request, stricter_request
from generators.errors import InvalidInput, PromptTooLong
from llmbackends.types import (
    ChatRequest,
    Feature,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
)
from tests.generators.rows import ANY_OBJECT, COLUMNS, definition

HELLO = Given(input={"prompt": "Hello"})
EVERYTHING = frozenset(Feature)
STRICT = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def test_text_generator_without_a_prompt_of_its_own_adds_nothing() -> None:
    conversation = (Message("system", "Be brief."), Message("user", "Hi"))

    assert first_request(definition(), HELLO, EVERYTHING) == ChatRequest(messages=(Message("user", "Hello"),))
    assert first_request(definition(), Given(messages=conversation), ()).messages == conversation


def test_template_and_system_prompt_make_the_messages() -> None:
    form = definition(
        system_prompt="You make forms.\n",
        prompt_template="Table {{table}}:\n{{#columns}}\n- {{name}}\n{{/columns}}\n",
        input_schema=COLUMNS,
    )
    given = Given(input={"table": "orders", "columns": [{"name": "id"}, {"name": "note"}]})

    assert first_request(form, given, ()).messages == (
        Message("system", "You make forms."),
        Message("user", "Table orders:\n- id\n- note\n"),
    )


def test_conversation_goes_behind_one_system_message() -> None:
    form = definition(system_prompt="You make forms.", takes_messages=True)
    user = Message("user", "Hi")

    assert first_request(form, Given(messages=(user,)), ()).messages == (
        Message("system", "You make forms."),
        user,
    )
    assert first_request(form, Given(messages=(Message("system", "Be brief."), user)), ()).messages == (
        Message("system", "You make forms.\n\nBe brief."),
        user,
    )


def test_what_staff_set_of_the_sampling_is_asked_for() -> None:
    asked = first_request(definition(temperature=0.0, max_tokens=50), HELLO, ())

    assert asked.sampling == Sampling(temperature=0.0, max_tokens=50)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"output_kind": "json"}, "one JSON value"),
        ({"output_kind": "json", "output_schema": ANY_OBJECT}, "one JSON object"),
        ({"output_kind": "json", "output_schema": STRICT}, '"additionalProperties": false'),
        ({"output_kind": "fenced", "fence_language": "html"}, "begins with ```html"),
    ],
)
def test_form_of_the_answer_is_told_in_words(fields: Any, words: str) -> None:
    for features in ((), EVERYTHING):
        system, _user = first_request(definition(**fields), HELLO, features).messages
        assert system.role == "system"
        assert words in system.text


@pytest.mark.parametrize(
    ("schema", "features", "wanted"),
    [
        (STRICT, EVERYTHING, ResponseFormat("json_schema", name="answer", schema=STRICT, strict=True)),
        (COLUMNS, EVERYTHING, ResponseFormat("json_schema", name="answer", schema=COLUMNS, strict=False)),
        (COLUMNS, {Feature.JSON_OBJECT}, ResponseFormat("json_object")),
        (ANY_OBJECT, EVERYTHING, ResponseFormat("json_object")),
        (
            ANY_OBJECT,
            {Feature.JSON_SCHEMA},
            ResponseFormat("json_schema", name="answer", schema=ANY_OBJECT, strict=False),
        ),
        ({"type": "array"}, {Feature.JSON_OBJECT}, None),
        (COLUMNS, (), None),
        (None, EVERYTHING, None),
    ],
)
def test_service_is_held_to_as_much_as_it_can_be(schema: Any, features: Any, wanted: Any) -> None:
    form = definition(output_kind="json", output_schema=schema)

    assert first_request(form, HELLO, features).response_format == wanted


def test_stricter_request_shows_the_answer_and_what_is_wrong_with_it() -> None:
    form = definition(output_kind="json", output_schema=ANY_OBJECT, temperature=0.5)
    first = first_request(form, HELLO, EVERYTHING)

    again = stricter_request(form, HELLO, EVERYTHING, answer="[1]", fault="The answer must be an object.")

    assert again.messages[:-2] == first.messages
    assert again.messages[-2] == Message("assistant", "[1]")
    assert again.messages[-1].text == (
        "This answer cannot be used: The answer must be an object. "
        "Answer again, from the beginning, with valid JSON only: no other words and no code fence."
    )
    assert (again.sampling, again.response_format) == (first.sampling, first.response_format)


def test_stricter_request_after_an_empty_answer_keeps_the_turns_alternating() -> None:
    form = definition(output_kind="json", takes_messages=True)
    image = ImagePart(data="aGk=", media_type="image/png")
    given = Given(messages=(Message("user", (TextPart("What is it?"), image)),))

    _system, asked = stricter_request(form, given, (), answer=" ", fault="The answer is empty.").messages

    assert asked.parts[:2] == (TextPart("What is it?"), image)
    assert "The answer is empty." in asked.text


def test_stricter_request_quotes_no_more_than_the_ends_of_a_long_answer() -> None:
    answer = "a" * MAX_QUOTED + "b" * MAX_QUOTED

    quoted = stricter_request(definition(), HELLO, (), answer=answer, fault="Too long.").messages[-2].text

    assert len(quoted) < MAX_QUOTED + 10
    assert quoted.startswith("aaa")
    assert quoted.endswith("bbb")


def test_input_without_a_prompt_in_it_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty prompt"):
        first_request(definition(prompt_template="{{gone}}"), HELLO, ())


def test_input_that_makes_a_prompt_out_of_bounds_is_refused() -> None:
    form = definition(prompt_template="{{#a}}{{#a}}{{#a}}{{b}}{{/a}}{{/a}}{{/a}}", max_input_chars=10)

    with pytest.raises(PromptTooLong):
        first_request(form, Given(input={"a": [1] * 50, "b": "x" * 1000}), ())


def test_prompts_are_not_in_what_a_log_may_show_of_a_definition() -> None:
    shown = repr(definition(system_prompt="Be a poet.", prompt_template="Tell of {{prompt}}."))

    assert "poet" not in shown
    assert "Tell of" not in shown
