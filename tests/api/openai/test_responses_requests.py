from __future__ import annotations

from typing import Any

import pytest

from api.errors import ApiError
from api.openai.responses import RESPONSES
from llmbackends.types import ChatRequest, Message, ResponseFormat, Sampling, Tool, ToolChoice
from tests.api.openai.responses_support import TIDE, read

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def request_of(**fields: Any) -> ChatRequest:
    [request] = read(**fields).requests
    return request


def test_request_with_a_text_is_a_message_of_the_user() -> None:
    ask = read(input="When is high tide?")

    assert (ask.model, ask.stream) == ("default", False)
    assert ask.requests == (ChatRequest(messages=(Message("user", "When is high tide?"),)),)


def test_request_puts_instructions_before_the_input() -> None:
    request = request_of(instructions="Be brief.", input="Hello")

    assert request.messages == (Message("system", "Be brief."), Message("user", "Hello"))


def test_request_may_ask_for_a_stream() -> None:
    assert read(stream=True).stream


def test_request_brings_its_sampling() -> None:
    request = request_of(temperature=0.5, top_p=0.9, max_output_tokens=30)

    assert request.sampling == Sampling(temperature=0.5, top_p=0.9, max_tokens=30)


def test_request_offers_functions() -> None:
    bare = {"type": "function", "name": "now", "description": "The time."}

    request = request_of(tools=[TIDE, bare])

    assert request.tools == (
        Tool("tide", parameters=TIDE["parameters"], strict=True),
        Tool("now", "The time.", {"type": "object", "properties": {}}),
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "tide"}, ToolChoice("named", "tide")),
    ],
)
def test_request_chooses_a_tool(choice: Any, expected: ToolChoice | None) -> None:
    assert request_of(tools=[TIDE], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, ResponseFormat("json_object")),
        (
            {"type": "json_schema", "name": "place", "schema": SCHEMA},
            ResponseFormat("json_schema", "place", SCHEMA, strict=False),
        ),
        (
            {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True},
            ResponseFormat("json_schema", "place", SCHEMA, strict=True),
        ),
    ],
)
def test_request_wants_a_format(wanted: Any, expected: ResponseFormat | None) -> None:
    assert request_of(text={"format": wanted, "verbosity": "low"}).response_format == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"top_logprobs": 3}, None),
        ({"include": ["reasoning.encrypted_content"]}, None),
        ({"include": ["message.output_text.logprobs"]}, 0),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, 3),
    ],
)
def test_request_wants_logprobs_if_they_are_included(fields: Any, expected: int | None) -> None:
    assert request_of(**fields).top_logprobs == expected


def test_request_may_have_what_makes_no_difference() -> None:
    request = request_of(
        store=True,
        background=False,
        previous_response_id=None,
        conversation=None,
        metadata={"a": "b"},
        reasoning={"effort": "high"},
        service_tier="flex",
        stream_options={"include_obfuscation": False},
        truncation="auto",
        user="someone",
        unheard_of=[{}],
    )

    assert request == request_of()


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "send the whole conversation in input"),
        ({"conversation": "conv_1"}, "conversation", "send the whole conversation in input"),
        ({"conversation": {"id": "conv_1"}}, "conversation", "send the whole conversation in input"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "send the text in instructions and input"),
        ({"background": True}, "background", "without background"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", '"web_search" are not available'),
        ({"tools": [TIDE, {"type": "mcp"}]}, "tools[1].type", '"mcp" are not available'),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "A function has a name."),
        ({"tools": [TIDE], "tool_choice": {"type": "mcp"}}, "tool_choice.type", '"mcp"'),
        ({"tools": [TIDE], "tool_choice": {"type": "function", "name": "no"}}, "tool_choice", "not among"),
        ({"tools": [TIDE], "tool_choice": {"type": "function"}}, "tool_choice", "not among"),
        ({"tools": [TIDE], "tool_choice": "any"}, "tool_choice", "not valid"),
        ({"tool_choice": "required"}, "tool_choice", "needs tools"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type", "not valid"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema", "missing"),
        ({"temperature": 3}, "temperature", "not valid"),
        ({"max_output_tokens": 0}, "max_output_tokens", "not valid"),
        ({"top_logprobs": 21}, "top_logprobs", "not valid"),
        ({"metadata": {"a": 1}}, "metadata[...]", "not valid"),
        ({"input": None}, "input", "not valid"),
        ({"input": []}, "input", "not valid"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input", "nothing that could be answered"),
        ({"model": None}, "model", "not valid"),
    ],
)
def test_request_is_refused(fields: Any, param: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(**fields)

    assert refused.value.public.code == "invalid_request"
    assert refused.value.public.param == param
    assert message in refused.value.public.message


@pytest.mark.parametrize(("body", "param"), [(b'{"input": "Hello"}', "model"), (b'{"model": "a"}', "input")])
def test_request_must_have_a_model_and_an_input(body: bytes, param: str) -> None:
    with pytest.raises(ApiError) as refused:
        RESPONSES.read(body)

    assert refused.value.public.param == param
    assert "missing" in refused.value.public.message
