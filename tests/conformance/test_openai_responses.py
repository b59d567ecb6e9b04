"""OpenAI's own client, strict about every answer, on /v1/responses."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.conformance.installation import ALIAS

pytestmark = pytest.mark.processes

ADD: Any = {
    "type": "function",
    "name": "add",
    "description": "Adds two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Weather(BaseModel):
    city: str
    degrees: int


def test_plain(client: openai.OpenAI) -> None:
    answer = client.responses.create(model=ALIAS, instructions="Be brief.", input="Say hello.")

    assert (answer.object, answer.status, answer.model) == ("response", "completed", ALIAS)
    assert answer.output_text.endswith("Say hello.")
    assert answer.id.startswith("resp_")
    assert answer.error is None
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


def test_plain_with_a_conversation(client: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "What is two and three?"}]},
        {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a":2,"b":3}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "5"},
        {"role": "user", "content": "And twice that?"},
    ]

    answer = client.responses.create(model=ALIAS, input=messages, tools=[ADD], store=False)

    assert "And twice that?" in answer.output_text


def test_what_was_answered_can_be_sent_back(client: openai.OpenAI) -> None:
    first = client.responses.create(model=ALIAS, input="Say hello.")
    history: Any = [
        {"role": "user", "content": "Say hello."},
        *(item.model_dump(exclude_none=True) for item in first.output),
        {"role": "user", "content": "Again."},
    ]

    assert "Again." in client.responses.create(model=ALIAS, input=history).output_text


def test_stream_tells_the_whole_course_of_events(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model=ALIAS, input="Say hello.", stream=True))

    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.endswith("Say hello.")
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == text
    assert last.response.usage is not None


def test_stream_helper_collects_the_answer(client: openai.OpenAI) -> None:
    with client.responses.stream(model=ALIAS, input="Say hello.") as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()

    assert "response.output_text.delta" in kinds
    assert final.output_text.endswith("Say hello.")


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_tool_call(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)

    answer = some_client.responses.create(
        model=ALIAS, input="Add two and three.", tools=[ADD], tool_choice={"type": "function", "name": "add"}
    )

    calls = [item for item in answer.output if item.type == "function_call"]
    assert_is_addition(calls[0])
    assert calls[0].call_id


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_tool_call_is_streamed_in_pieces(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)

    with some_client.responses.stream(
        model=ALIAS, input="Add two and three.", tools=[ADD], tool_choice="required"
    ) as stream:
        events = list(stream)
        final = stream.get_final_response()

    kinds = [event.type for event in events]
    assert "response.function_call_arguments.delta" in kinds
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    calls = [item for item in final.output if item.type == "function_call"]
    assert_is_addition(calls[0])
    assert done[0].arguments == calls[0].arguments
    assert kinds[-1] == "response.completed"


@pytest.mark.parametrize("which", ["client", "toy_client"])
def test_parse_gives_an_object(which: str, request: pytest.FixtureRequest) -> None:
    some_client: openai.OpenAI = request.getfixturevalue(which)

    answer = some_client.responses.parse(model=ALIAS, input="The weather?", text_format=Weather)

    assert isinstance(answer.output_parsed, Weather)


def test_parse_of_a_stream_gives_an_object(client: openai.OpenAI) -> None:
    with client.responses.stream(model=ALIAS, input="The weather?", text_format=Weather) as stream:
        final = stream.get_final_response()

    assert isinstance(final.output_parsed, Weather)


def test_an_answer_before_cannot_be_referred_to(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=ALIAS, input="Again.", previous_response_id="resp_1")

    assert refused.value.param == "previous_response_id"


def assert_is_addition(call: Any) -> None:
    assert call.name == "add"
    assert set(json.loads(call.arguments)) == {"a", "b"}
