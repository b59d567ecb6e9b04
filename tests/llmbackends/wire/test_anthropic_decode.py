"""Whole answers in Anthropic's Messages language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendError, BackendUnavailable, BadAnswer, RequestError
from llmbackends.types import ChatResult, FinishReason, TokenUsage, ToolCall
from llmbackends.wire import anthropic_messages

USAGE = {"input_tokens": 5, "output_tokens": 2}


def answer(*blocks: Any, stop_reason: Any = "end_turn", **more: Any) -> dict[str, Any]:
    body = {"type": "message", "role": "assistant", "content": list(blocks), "stop_reason": stop_reason}
    return {**body, "usage": USAGE, **more}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def decode(payload: Any) -> ChatResult:
    return anthropic_messages.decode(payload, route="chat", options={})


def test_answer_joins_the_text_blocks() -> None:
    assert decode(answer(text("Hel"), text("lo"))) == ChatResult(
        "Hello", FinishReason.STOP, usage=TokenUsage(5, 2)
    )


def test_answer_usage_counts_what_went_into_and_came_out_of_the_cache() -> None:
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 100,
        "output_tokens": 2,
    }
    assert decode(answer(text("Hi"), usage=usage)).usage == TokenUsage(115, 2)


@pytest.mark.parametrize("usage", [None, {}, {"output_tokens": 2}])
def test_answer_without_whole_usage_has_none(usage: Any) -> None:
    assert decode(answer(text("Hi"), usage=usage)).usage is None


def test_answer_has_tool_calls_with_arguments_as_text() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}}
    result = decode(answer(text("I look."), use, stop_reason="tool_use"))
    assert result.tool_calls == (ToolCall("toolu_1", "weather", '{"city": "Zürich"}'),)
    assert (result.text, result.finish_reason) == ("I look.", FinishReason.TOOL_CALLS)


def test_answer_thinking_is_not_in_the_text() -> None:
    thinking = {"type": "thinking", "thinking": "2+2", "signature": "x"}
    result = decode(answer(thinking, {"type": "redacted_thinking", "data": "?"}, text("4")))
    assert (result.text, result.reasoning) == ("4", "2+2")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("pause_turn", FinishReason.STOP),
        ("news", FinishReason.STOP),
        (None, FinishReason.STOP),
    ],
)
def test_answer_maps_the_stop_reason(word: str | None, expected: FinishReason) -> None:
    assert decode(answer(text("Hi"), stop_reason=word)).finish_reason is expected


def test_answer_may_be_empty_where_the_model_chose_to_stop() -> None:
    assert decode(answer()).text == ""


def test_answer_with_nothing_in_it_is_bad() -> None:
    with pytest.raises(BadAnswer, match="neither text nor tool calls"):
        decode(answer(stop_reason=None))


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"content": "Hi"},
        {"content": ["Hi"]},
        answer({"type": "text", "text": 7}),
        answer({"type": "tool_use", "id": "t"}),
        answer({"type": "tool_use", "id": "t", "name": "clock", "input": 7}),
        answer(text("Hi"), stop_reason=7),
        answer(text("Hi"), usage=[]),
        answer(text("Hi"), usage={"input_tokens": "5", "output_tokens": 2}),
    ],
)
def test_answer_of_a_wrong_form_is_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        decode(payload)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, BackendUnavailable),
        ({"type": "invalid_request_error", "message": "no"}, RequestError),
    ],
)
def test_answer_that_reports_an_error_raises_it(error: Any, expected: type[BackendError]) -> None:
    with pytest.raises(BackendError) as caught:
        decode({"type": "error", "error": error})
    assert type(caught.value) is expected


def test_models_are_sorted_names() -> None:
    payload = {"data": [{"type": "model", "id": "b"}, {"type": "model", "id": "a"}], "has_more": False}
    assert anthropic_messages.decode_models(payload, options={}) == ("a", "b")
