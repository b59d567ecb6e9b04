"""OpenAI's own client, strict about every answer and event, before the dialect."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from generation.failures import API_ERRORS
from llmbackends.types import ChatChunk, LikelyToken, TokenLogprob
from tests.api.openai.responses_support import CALLED, CUT_SHORT, STOP, TIDE, call, client_of, text

HELLO: Any = {"model": "default", "input": "Hello"}
CALLS = [*text("See:"), *call('{"port":', '"Ulsan"}'), CALLED]
PLACE = text('{"city":', '"Ulsan",', '"degrees":', "21}")


class Place(BaseModel):
    city: str
    degrees: int


def test_client_reads_a_text() -> None:
    with client_of([*text("The tide ", "comes in."), STOP]) as client:
        answer = client.responses.create(**HELLO)

    assert answer.output_text == "The tide comes in."
    assert answer.usage
    assert answer.usage.total_tokens == 18


def test_client_reads_a_call() -> None:
    with client_of(CALLS) as client:
        answer = client.responses.create(**HELLO, tools=[TIDE])

    _, made = answer.output
    assert made.type == "function_call"
    assert json.loads(made.arguments) == {"port": "Ulsan"}


def test_client_reads_logprobs() -> None:
    token = TokenLogprob(LikelyToken("Yes", -0.5), (LikelyToken("Yes", -0.5),))

    with client_of([ChatChunk(text="Yes", logprobs=(token,)), STOP]) as client:
        answer = client.responses.create(**HELLO, include=["message.output_text.logprobs"], top_logprobs=1)

    [message] = answer.output
    assert message.type == "message"
    [part] = message.content
    assert part.type == "output_text"
    assert part.logprobs
    assert part.logprobs[0].top_logprobs[0].logprob == -0.5


def test_client_learns_why_an_answer_is_incomplete() -> None:
    with client_of([*text("The tide"), CUT_SHORT]) as client:
        answer = client.responses.create(**HELLO, max_output_tokens=2)

    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_client_parses_an_answer() -> None:
    with client_of([*PLACE, STOP]) as client:
        answer = client.responses.parse(**HELLO, text_format=Place)

    assert answer.output_parsed == Place(city="Ulsan", degrees=21)


def test_client_parses_a_call() -> None:
    with client_of(CALLS) as client:
        answer = client.responses.parse(**HELLO, tools=[TIDE])

    _, made = answer.output
    assert made.type == "function_call"
    assert made.parsed_arguments == {"port": "Ulsan"}


def test_client_collects_a_stream() -> None:
    with (
        client_of([*text("The tide ", "comes in."), STOP]) as client,
        client.responses.stream(**HELLO) as stream,
    ):
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert snapshots == ["The tide ", "The tide comes in."]
    assert final.output_text == "The tide comes in."


def test_client_collects_a_stream_of_calls() -> None:
    with (
        client_of([*CALLS[:-1], *call("{}", index=1), *text("And:"), CALLED]) as client,
        client.responses.stream(**HELLO, tools=[{**TIDE, "strict": False}]) as stream,
    ):
        final = stream.get_final_response()

    assert [item.type for item in final.output] == ["message", "function_call", "function_call", "message"]
    assert [item.arguments for item in final.output if item.type == "function_call"] == [
        '{"port":"Ulsan"}',
        "{}",
    ]


def test_client_parses_a_stream() -> None:
    with (
        client_of([*PLACE, STOP]) as client,
        client.responses.stream(**HELLO, text_format=Place) as stream,
    ):
        final = stream.get_final_response()

    assert final.output_parsed == Place(city="Ulsan", degrees=21)


def test_client_sends_back_what_was_answered() -> None:
    with client_of(CALLS) as client:
        first = client.responses.create(**HELLO, tools=[TIDE])
        items: Any = [
            {"role": "user", "content": "Hello"},
            *first.output,
            {"type": "function_call_output", "call_id": first.output[1].call_id, "output": "at noon"},  # type: ignore[union-attr]
        ]
        second = client.responses.create(model="default", input=items, tools=[TIDE])

    assert second.status == "completed"


def test_client_sees_a_stream_fail() -> None:
    with (
        client_of(text("The tide"), API_ERRORS["backend_error"]) as client,
        client.responses.create(**HELLO, stream=True) as stream,
    ):
        *_, error, failed = stream

    assert error.type == "error"
    assert error.code == "backend_error"
    assert failed.type == "response.failed"
    assert failed.response.error
    assert failed.response.error.code == "server_error"


def test_client_has_no_final_answer_of_a_stream_that_failed() -> None:
    with (
        client_of(text("The tide"), API_ERRORS["backend_error"]) as client,
        client.responses.stream(**HELLO) as stream,
        pytest.raises(RuntimeError, match=r"response\.completed"),
    ):
        stream.get_final_response()


def test_client_learns_which_field_is_wrong() -> None:
    with client_of([STOP]) as client, pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**HELLO, previous_response_id="resp_1")

    assert refused.value.param == "previous_response_id"
    assert refused.value.code == "invalid_request"
    assert "send the whole conversation" in refused.value.message
