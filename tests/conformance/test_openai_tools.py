"""OpenAI's own client, strict about every answer: tools and JSON on /v1/chat/completions."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.conformance.installation import ALIAS

pytestmark = pytest.mark.processes

MESSAGES: Any = [{"role": "user", "content": "Say hello."}]
ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


class Weather(BaseModel):
    city: str
    degrees: int


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add"}}])
def test_tool_that_has_to_be_called(client: openai.OpenAI, choice: Any) -> None:
    answer = client.chat.completions.create(model=ALIAS, messages=MESSAGES, tools=[ADD], tool_choice=choice)

    [only] = answer.choices
    assert only.finish_reason == "tool_calls"
    assert only.message.content is None
    [call] = only.message.tool_calls or []
    assert_is_addition(call.function.name, call.function.arguments)  # type: ignore[union-attr]


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_tool_call_is_streamed_in_pieces(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)

    chunks = list(
        some_client.chat.completions.create(
            model=ALIAS, messages=MESSAGES, tools=[ADD], tool_choice="required", stream=True
        )
    )

    deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    first, *others = [call for call in deltas if call.index == 0]
    assert first.id
    assert first.type == "function"
    assert first.function is not None
    assert others
    assert all(other.id is None and other.function and other.function.name is None for other in others)
    arguments = "".join(call.function.arguments or "" for call in (first, *others) if call.function)
    assert_is_addition(first.function.name, arguments)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_tool_call_by_the_stream_helper(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)
    strict = {"type": "function", "function": {**ADD["function"], "strict": True}}

    with some_client.chat.completions.stream(
        model=ALIAS, messages=MESSAGES, tools=[strict], tool_choice="required"
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()

    assert done[0].name == "add"
    [call, *_] = final.choices[0].message.tool_calls or []
    assert_is_addition(call.function.name, call.function.arguments)
    assert isinstance(call.function.parsed_arguments, dict)


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_round_of_a_tool_ends_in_words(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)
    messages = [*MESSAGES]
    asked = some_client.chat.completions.create(
        model=ALIAS, messages=messages, tools=[ADD], tool_choice="required"
    )
    [call, *_] = asked.choices[0].message.tool_calls or []
    messages += [
        asked.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "5"},
    ]

    told = some_client.chat.completions.create(
        model=ALIAS, messages=messages, tools=[ADD], tool_choice="none"
    )

    assert told.choices[0].message.content
    assert not told.choices[0].message.tool_calls


def test_tools_that_may_be_left_alone(toy_client: openai.OpenAI) -> None:
    answer = toy_client.chat.completions.create(model=ALIAS, messages=MESSAGES, tools=[ADD])

    assert answer.choices[0].finish_reason in ("stop", "tool_calls", "length")


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_parse_gives_an_object(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)

    answer = some_client.chat.completions.parse(
        model=ALIAS, messages=MESSAGES, response_format=Weather, max_completion_tokens=200
    )

    assert isinstance(answer.choices[0].message.parsed, Weather)


def test_parse_of_a_stream_gives_an_object(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=ALIAS, messages=MESSAGES, response_format=Weather) as stream:
        final = stream.get_final_completion()

    assert isinstance(final.choices[0].message.parsed, Weather)


def test_json_object(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=ALIAS, messages=MESSAGES, response_format={"type": "json_object"}
    )

    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def assert_is_addition(name: str | None, arguments: str) -> None:
    assert name == "add"
    assert {type(value) for value in json.loads(arguments).values()} == {int}
    assert set(json.loads(arguments)) == {"a", "b"}
