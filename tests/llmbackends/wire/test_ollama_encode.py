"""Requests in Ollama's language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.types import ChatRequest, Message, ResponseFormat, Sampling, ToolCall
from llmbackends.wire import WireCall, ollama

from .conversations import CLOCK, FULL_SAMPLING, IMAGE, TOOL_TURNS, USER, WEATHER, WEATHER_SCHEMA


def encode(
    request: ChatRequest, *, stream: bool = False, prompt_route: bool = True, **options: Any
) -> WireCall:
    return ollama.encode(request, model="m", stream=stream, prompt_route=prompt_route, options=options)


def test_chat_says_whether_to_stream() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    request = ChatRequest((Message("system", "Be brief."), USER))
    assert encode(request) == WireCall({"model": "m", "stream": False, "messages": messages})
    assert encode(request, stream=True).body["stream"] is True


def test_chat_images_are_a_list_beside_the_text() -> None:
    assert encode(ChatRequest((IMAGE,))).body["messages"] == [
        {"role": "user", "content": "What is this?", "images": ["aGk="]}
    ]


def test_chat_tool_calls_have_arguments_as_objects_and_answers_name_the_tool() -> None:
    assert encode(ChatRequest(TOOL_TURNS)).body["messages"][1:4] == [
        {
            "role": "assistant",
            "content": "I will look.",
            "tool_calls": [
                {"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Rome"}}},
                {"id": "call_2", "function": {"name": "clock", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "call_1"},
        {"role": "tool", "content": "noon", "tool_name": "clock", "tool_call_id": "call_2"},
    ]


def test_chat_answer_to_an_unknown_call_has_no_tool_name() -> None:
    request = ChatRequest((Message("tool", "noon", tool_call_id="c"),))
    assert encode(request).body["messages"] == [{"role": "tool", "content": "noon", "tool_call_id": "c"}]


def test_chat_tool_arguments_that_are_no_object_are_wrapped() -> None:
    request = ChatRequest((Message("assistant", tool_calls=(ToolCall("c", "clock", "{broken"),)),))
    sent = encode(request).body["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert sent == {"invalid_json": "{broken"}


def test_chat_tools_travel() -> None:
    sent = encode(ChatRequest((USER,), tools=(WEATHER,))).body["tools"]
    function = {"name": "weather", "description": "Current weather", "parameters": WEATHER_SCHEMA}
    assert sent == [{"type": "function", "function": function}]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ResponseFormat("json_object"), {"format": "json"}),
        (ResponseFormat("json_schema", "city", WEATHER_SCHEMA), {"format": WEATHER_SCHEMA}),
        (ResponseFormat("text"), {}),
    ],
)
@pytest.mark.parametrize("asked", [{"messages": (USER,)}, {"prompt": "Once"}])
def test_response_format_travels_on_both_routes(asked: Any, wanted: ResponseFormat, expected: Any) -> None:
    body = encode(ChatRequest(**asked, response_format=wanted)).body
    assert {name: body[name] for name in body if name == "format"} == expected


@pytest.mark.parametrize("asked", [{"messages": (USER,)}, {"prompt": "Once"}])
def test_sampling_travels_as_options_on_both_routes(asked: Any) -> None:
    assert encode(ChatRequest(**asked, sampling=FULL_SAMPLING)).body["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "repeat_penalty": 1.1,
        "seed": 7,
        "num_predict": 64,
        "stop": ["END", "STOP"],
    }


def test_option_context_size_travels_beside_the_sampling() -> None:
    body = encode(ChatRequest((USER,), sampling=Sampling(seed=7)), context_size=2048).body
    assert body["options"] == {"seed": 7, "num_ctx": 2048}


@pytest.mark.parametrize(("value", "expected"), [("5m", "5m"), ("-1", -1), ("300", 300)])
def test_option_keep_alive_without_a_unit_is_a_number(value: str, expected: str | int) -> None:
    assert encode(ChatRequest((USER,)), keep_alive=value).body["keep_alive"] == expected


def test_prompt_takes_the_prompt_route() -> None:
    expected = WireCall({"model": "m", "stream": False, "prompt": "Once"}, route="prompt")
    assert encode(ChatRequest(prompt="Once")) == expected


def test_prompt_with_tools_is_a_chat() -> None:
    call = encode(ChatRequest(prompt="Once", tools=(CLOCK,)))
    assert call.route == "chat"
    assert call.body["messages"] == [{"role": "user", "content": "Once"}]


def test_prompt_without_a_prompt_route_is_one_user_message() -> None:
    call = encode(ChatRequest(prompt="Once"), prompt_route=False)
    assert (call.route, call.body["messages"]) == ("chat", [{"role": "user", "content": "Once"}])
