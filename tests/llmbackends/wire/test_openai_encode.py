"""Requests in the OpenAI language."""

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
from llmbackends.wire import WireCall, openai_chat

from .conversations import CLOCK, FULL_SAMPLING, IMAGE, TOOL_TURNS, USER, WEATHER, WEATHER_SCHEMA


def encode(
    request: ChatRequest, *, stream: bool = False, prompt_route: bool = True, **options: Any
) -> WireCall:
    return openai_chat.encode(request, model="m", stream=stream, prompt_route=prompt_route, options=options)


def body_of(request: ChatRequest, **kwargs: Any) -> dict[str, Any]:
    return encode(request, **kwargs).body


def test_chat_has_model_and_messages_and_nothing_that_is_not_set() -> None:
    call = encode(ChatRequest((Message("system", "Be brief."), USER, Message("assistant", "Hi"))))
    assert call == WireCall(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hi"},
            ],
        }
    )


def test_chat_text_parts_become_one_plain_string() -> None:
    request = ChatRequest((Message("user", (TextPart("a"), TextPart("b"))),))
    assert body_of(request)["messages"] == [{"role": "user", "content": "ab"}]


def test_chat_image_is_a_data_url_among_parts() -> None:
    assert body_of(ChatRequest((IMAGE,)))["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ],
        }
    ]


@pytest.mark.parametrize("role", ["system", "assistant", "tool"])
def test_chat_image_outside_a_user_message_is_refused(role: Any) -> None:
    request = ChatRequest((Message(role, (ImagePart("aGk=", "image/png"),), tool_call_id="c"),))
    with pytest.raises(UnsupportedFeature, match=role):
        encode(request)


def test_chat_tool_calls_and_answers_travel() -> None:
    assert body_of(ChatRequest(TOOL_TURNS))["messages"][1:4] == [
        {
            "role": "assistant",
            "content": "I will look.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "clock", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "noon"},
    ]


def test_chat_tool_calls_without_text_have_null_content() -> None:
    request = ChatRequest((USER, Message("assistant", tool_calls=(ToolCall("c", "clock", "{}"),))))
    assert body_of(request)["messages"][1]["content"] is None


def test_chat_tools_travel() -> None:
    assert body_of(ChatRequest((USER,), tools=(WEATHER, CLOCK)))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Current weather",
                "parameters": WEATHER_SCHEMA,
                "strict": True,
            },
        },
        {
            "type": "function",
            "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
        },
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "clock"), {"type": "function", "function": {"name": "clock"}}),
    ],
)
def test_chat_tool_choice_travels(choice: ToolChoice, expected: Any) -> None:
    assert body_of(ChatRequest((USER,), tools=(CLOCK,), tool_choice=choice))["tool_choice"] == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ResponseFormat("json_object"), {"type": "json_object"}),
        (
            ResponseFormat("json_schema", "city", WEATHER_SCHEMA),
            {
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": WEATHER_SCHEMA, "strict": True},
            },
        ),
    ],
)
def test_chat_response_format_travels(wanted: ResponseFormat, expected: Any) -> None:
    assert body_of(ChatRequest((USER,), response_format=wanted))["response_format"] == expected


def test_chat_response_format_text_is_left_out() -> None:
    assert "response_format" not in body_of(ChatRequest((USER,), response_format=ResponseFormat("text")))


SAMPLED = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.05,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "repeat_penalty": 1.1,
    "repetition_penalty": 1.1,
    "seed": 7,
    "stop": ["END", "STOP"],
}


def test_chat_sampling_travels_by_the_names_of_the_language() -> None:
    body = body_of(ChatRequest((USER,), sampling=FULL_SAMPLING))
    del body["model"], body["messages"]
    assert body == {**SAMPLED, "max_tokens": 64}


def test_chat_option_names_the_field_of_max_tokens() -> None:
    request = ChatRequest((USER,), sampling=Sampling(max_tokens=64))
    body = body_of(request, max_tokens_field="max_completion_tokens")
    assert body["max_completion_tokens"] == 64
    assert "max_tokens" not in body


def test_chat_stream_asks_for_usage() -> None:
    body = body_of(ChatRequest((USER,)), stream=True)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_prompt_takes_the_prompt_route() -> None:
    call = encode(ChatRequest(prompt="Once", sampling=FULL_SAMPLING), stream=True)
    assert call.route == "prompt"
    assert call.body == {
        "model": "m",
        "prompt": "Once",
        **SAMPLED,
        "max_tokens": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_prompt_without_a_prompt_route_is_one_user_message() -> None:
    call = encode(ChatRequest(prompt="Once"), prompt_route=False)
    assert call == WireCall({"model": "m", "messages": [{"role": "user", "content": "Once"}]})


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest(prompt="Once", tools=(CLOCK,)),
        ChatRequest(prompt="Once", response_format=ResponseFormat("json_object")),
    ],
)
def test_prompt_that_needs_what_only_a_chat_has_is_a_chat(request_: ChatRequest) -> None:
    call = encode(request_)
    assert call.route == "chat"
    assert call.body["messages"] == [{"role": "user", "content": "Once"}]
