"""Whole answers in the OpenAI language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import (
    BackendError,
    BackendFailed,
    BackendUnavailable,
    BadAnswer,
    ContextLengthExceeded,
    RateLimited,
)
from llmbackends.types import ChatResult, FinishReason, TokenUsage, ToolCall
from llmbackends.wire import openai_chat

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_tokens_details": None}


def answer(message: Any, finish_reason: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE, **more}


def decode(payload: Any, *, route: str = "chat") -> ChatResult:
    return openai_chat.decode(payload, route=route, options={})


def call(name: str = "clock", **more: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}, **more}


def test_answer_has_text_finish_reason_and_usage() -> None:
    assert decode(answer({"role": "assistant", "content": "Hi"})) == ChatResult(
        "Hi", FinishReason.STOP, usage=TokenUsage(5, 2)
    )


def test_answer_of_the_prompt_route_has_its_text() -> None:
    payload = {"choices": [{"text": " upon a time", "finish_reason": "length"}], "usage": USAGE}
    assert decode(payload, route="prompt") == ChatResult(
        " upon a time", FinishReason.LENGTH, usage=TokenUsage(5, 2)
    )


def test_answer_has_tool_calls() -> None:
    message = {"content": None, "tool_calls": [call(), call("weather", id="c2")]}
    result = decode(answer(message, "tool_calls"))
    assert result.tool_calls == (ToolCall("c1", "clock", "{}"), ToolCall("c2", "weather", "{}"))
    assert (result.text, result.finish_reason) == ("", FinishReason.TOOL_CALLS)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"a": 1}', '{"a": 1}'), ({"a": "é"}, '{"a": "é"}'), (None, "{}"), ("", "{}"), ("{broken", "{broken")],
)
def test_answer_tool_arguments_are_json_text(arguments: Any, expected: str) -> None:
    message = {"tool_calls": [call(function={"name": "clock", "arguments": arguments})]}
    assert decode(answer(message)).tool_calls[0].arguments == expected


def test_answer_tool_call_without_id_gets_one_of_its_own() -> None:
    message = {"tool_calls": [call(id=None), call(id="")]}
    first, second = decode(answer(message)).tool_calls
    assert first.id.startswith("call_")
    assert first.id != second.id


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("eos", FinishReason.STOP),
        (None, FinishReason.STOP),
        ("tool_calls", FinishReason.STOP),
    ],
)
def test_answer_with_text_maps_the_finish_reason(word: str | None, expected: FinishReason) -> None:
    assert decode(answer({"content": "Hi"}, word)).finish_reason is expected


@pytest.mark.parametrize("word", ["stop", "tool_calls", "function_call", None])
def test_answer_with_tool_calls_finishes_with_tool_calls(word: str | None) -> None:
    assert decode(answer({"tool_calls": [call()]}, word)).finish_reason is FinishReason.TOOL_CALLS


def test_answer_cut_within_tool_calls_finishes_with_length() -> None:
    assert decode(answer({"tool_calls": [call()]}, "length")).finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_answer_reasoning_is_not_in_the_text(name: str) -> None:
    result = decode(answer({"content": "4", name: "2+2"}))
    assert (result.text, result.reasoning) == ("4", "2+2")


def test_answer_refusal_is_text_that_was_filtered() -> None:
    result = decode(answer({"content": None, "refusal": "I cannot."}))
    assert (result.text, result.finish_reason) == ("I cannot.", FinishReason.CONTENT_FILTER)


def test_answer_may_be_empty_where_the_model_chose_to_stop() -> None:
    assert decode(answer({"content": None, "refusal": None, "reasoning": None})).text == ""


@pytest.mark.parametrize("word", [None, "", "tool_calls", "function_call"])
def test_answer_with_nothing_in_it_is_bad(word: str | None) -> None:
    with pytest.raises(BadAnswer, match="neither text nor tool calls"):
        decode(answer({"content": ""}, word))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": 5.0, "completion_tokens": 0}, TokenUsage(5, 0)),
    ],
)
def test_answer_usage_is_whole_or_none(usage: Any, expected: TokenUsage | None) -> None:
    assert decode(answer({"content": "Hi"}, usage=usage)).usage == expected


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "text",
        [],
        {},
        {"choices": None},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{}]},
        answer(None),
        answer("Hi"),
        answer({"content": 7}),
        answer({"content": ["Hi"]}),
        answer({"content": "Hi"}, finish_reason=7),
        answer({"content": "Hi"}, finish_reason=["stop"]),
        answer({"content": "Hi", "tool_calls": {}}),
        answer({"tool_calls": [{}]}),
        answer({"tool_calls": [call(function={"arguments": "{}"})]}),
        answer({"tool_calls": [call(function={"name": "clock", "arguments": 3})]}),
        answer({"content": "Hi"}, usage=[]),
        answer({"content": "Hi"}, usage={"prompt_tokens": -1, "completion_tokens": 2}),
        answer({"content": "Hi"}, usage={"prompt_tokens": True, "completion_tokens": 2}),
        answer({"content": "Hi"}, usage={"prompt_tokens": 1.5, "completion_tokens": 2}),
        answer({"content": "Hi"}, usage={"prompt_tokens": float("nan"), "completion_tokens": 2}),
        answer({"content": "Hi"}, usage={"prompt_tokens": 10**10, "completion_tokens": 2}),
        answer({"content": "Hi"}, usage={"prompt_tokens": float("inf"), "completion_tokens": 2}),
    ],
)
def test_answer_of_a_wrong_form_is_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        decode(payload)


def test_answer_of_the_prompt_route_without_text_is_bad() -> None:
    with pytest.raises(BadAnswer, match="text"):
        decode(answer({"content": "Hi"}), route="prompt")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"error": {"message": "Overloaded", "code": 503}}, BackendUnavailable),
        ({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}, RateLimited),
        ({"error": {"message": "no", "code": "context_length_exceeded"}}, ContextLengthExceeded),
        ({"error": {"message": "Provider returned error", "code": 502}, "choices": []}, BackendFailed),
        ({"error": "out of memory"}, BackendFailed),
        (
            {"object": "error", "message": "busy", "type": "ServiceUnavailable", "code": 503},
            BackendUnavailable,
        ),
        ({"choices": [{"error": {"message": "upstream died", "code": 502}, "message": {}}]}, BackendFailed),
        (answer({"content": "Hal"}, finish_reason="error"), BackendFailed),
        (answer({"content": "Hal"}, finish_reason="abort"), BackendFailed),
    ],
)
def test_answer_that_reports_an_error_raises_it(payload: Any, expected: type[BackendError]) -> None:
    with pytest.raises(BackendError) as caught:
        decode(payload)
    assert type(caught.value) is expected


def test_answer_with_error_null_is_an_answer() -> None:
    assert decode(answer({"content": "Hi"}, error=None)).text == "Hi"


def test_answer_text_with_half_a_surrogate_pair_is_mended() -> None:
    assert decode(answer({"content": "a\ud83db😀"})).text == "a\ufffdb😀"


def test_models_are_sorted_names() -> None:
    payload = {"object": "list", "data": [{"id": "b"}, {"id": "a", "owned_by": "x"}]}
    assert openai_chat.decode_models(payload, options={}) == ("a", "b")


@pytest.mark.parametrize("payload", [None, {}, {"data": {}}, {"data": [{}]}, {"data": ["a"]}])
def test_models_of_a_wrong_form_are_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        openai_chat.decode_models(payload, options={})
