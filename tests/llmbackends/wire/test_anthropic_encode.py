"""Requests in Anthropic's Messages language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import UnsupportedFeature
from llmbackends.types import (
    ChatRequest,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
    ToolCall,
    ToolChoice,
)
from llmbackends.wire import WireCall, anthropic_messages

from .conversations import CLOCK, FULL_SAMPLING, IMAGE, TOOL_TURNS, USER, WEATHER, WEATHER_SCHEMA


def encode(request: ChatRequest, *, stream: bool = False) -> WireCall:
    return anthropic_messages.encode(request, model="m", stream=stream, prompt_route=False, options={})


def messages_of(*messages: Message) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = encode(ChatRequest(messages)).body["messages"]
    return turns


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def test_chat_has_model_messages_and_the_limit_that_is_required() -> None:
    assert encode(ChatRequest((USER,))) == WireCall(
        {"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": [text("Hello")]}]}
    )


def test_chat_system_messages_become_the_system_text() -> None:
    body = encode(
        ChatRequest((Message("system", "Be brief."), USER, Message("system", (TextPart("Be kind."),))))
    ).body
    assert body["system"] == "Be brief.\n\nBe kind."
    assert body["messages"] == [{"role": "user", "content": [text("Hello")]}]


def test_chat_empty_system_message_is_left_out() -> None:
    assert "system" not in encode(ChatRequest((Message("system", ""), USER))).body


def test_chat_messages_in_a_row_for_one_role_become_one_turn() -> None:
    assert messages_of(
        USER, Message("user", "again"), Message("assistant", "Hi"), Message("assistant", "!")
    ) == [
        {"role": "user", "content": [text("Hello"), text("again")]},
        {"role": "assistant", "content": [text("Hi"), text("!")]},
    ]


def test_chat_image_is_a_base64_source() -> None:
    assert messages_of(IMAGE)[0]["content"] == [
        text("What is this?"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
    ]


def test_chat_image_in_a_tool_answer_travels() -> None:
    answer = Message("tool", (ImagePart("aGk=", "image/png"),), tool_call_id="c")
    assert messages_of(answer)[0]["content"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    ]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_chat_image_of_system_or_assistant_is_refused(role: Any) -> None:
    with pytest.raises(UnsupportedFeature, match=role):
        messages_of(Message(role, (ImagePart("aGk=", "image/png"),)))


def test_chat_tool_calls_and_answers_travel_as_blocks() -> None:
    assert messages_of(*TOOL_TURNS)[1:] == [
        {
            "role": "assistant",
            "content": [
                text("I will look."),
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
                {"type": "tool_use", "id": "call_2", "name": "clock", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": [text("sunny")]},
                {"type": "tool_result", "tool_use_id": "call_2", "content": [text("noon")]},
                text("Thanks"),
            ],
        },
    ]


def test_chat_empty_tool_answer_has_no_content() -> None:
    assert messages_of(Message("tool", "", tool_call_id="c"))[0]["content"] == [
        {"type": "tool_result", "tool_use_id": "c"}
    ]


@pytest.mark.parametrize("arguments", ["{broken", "[1]", '"text"', "[" * 100_000])
def test_chat_tool_arguments_that_are_no_object_are_wrapped(arguments: str) -> None:
    block = messages_of(Message("assistant", tool_calls=(ToolCall("c", "clock", arguments),)))[0]["content"][
        0
    ]
    assert block["input"] == {"invalid_json": arguments}


def test_chat_call_id_of_another_service_is_made_fit_on_both_sides() -> None:
    turns = messages_of(
        Message("assistant", tool_calls=(ToolCall("functions.clock:0", "clock", "{}"),)),
        Message("tool", "noon", tool_call_id="functions.clock:0"),
    )
    assert turns[0]["content"][0]["id"] == "functions_clock_0"
    assert turns[1]["content"][0]["tool_use_id"] == "functions_clock_0"


def test_chat_tools_travel() -> None:
    assert encode(ChatRequest((USER,), tools=(WEATHER, CLOCK))).body["tools"] == [
        {"name": "weather", "description": "Current weather", "input_schema": WEATHER_SCHEMA},
        {"name": "clock", "input_schema": {"type": "object", "properties": {}}},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), {"type": "auto"}),
        (ToolChoice("none"), {"type": "none"}),
        (ToolChoice("required"), {"type": "any"}),
        (ToolChoice("named", "clock"), {"type": "tool", "name": "clock"}),
    ],
)
def test_chat_tool_choice_travels(choice: ToolChoice, expected: dict[str, str]) -> None:
    request = ChatRequest((USER,), tools=(CLOCK,), tool_choice=choice)
    assert encode(request).body["tool_choice"] == expected


def test_chat_sampling_travels_by_the_names_of_the_language() -> None:
    body = encode(ChatRequest((USER,), sampling=FULL_SAMPLING)).body
    del body["model"], body["messages"]
    assert body == {
        "max_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["END", "STOP"],
    }


def test_chat_stream_is_asked_for() -> None:
    assert encode(ChatRequest((USER,)), stream=True).body["stream"] is True


def test_prompt_is_one_user_message() -> None:
    body = encode(ChatRequest(prompt="Once", sampling=Sampling(max_tokens=1))).body
    assert body["messages"] == [{"role": "user", "content": [text("Once")]}]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            ResponseFormat("json_schema", "city", WEATHER_SCHEMA),
            {"output_config": {"format": {"type": "json_schema", "schema": WEATHER_SCHEMA}}},
        ),
        (ResponseFormat("text"), {}),
        (None, {}),
    ],
)
def test_schema_of_the_answer_travels(wanted: ResponseFormat | None, expected: Any) -> None:
    body = encode(ChatRequest((USER,), response_format=wanted)).body

    assert {name: body[name] for name in body if name == "output_config"} == expected
