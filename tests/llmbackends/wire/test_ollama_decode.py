"""Whole answers in Ollama's language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendFailed, BadAnswer
from llmbackends.types import ChatResult, FinishReason, TokenUsage, ToolCall
from llmbackends.wire import ollama

COUNTS = {"prompt_eval_count": 5, "eval_count": 2, "total_duration": 9}


def answer(message: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "message": message, "done": True, "done_reason": "stop", **COUNTS, **more}


def decode(payload: Any, *, route: str = "chat") -> ChatResult:
    return ollama.decode(payload, route=route, options={})


def test_answer_has_text_finish_reason_and_usage() -> None:
    assert decode(answer({"role": "assistant", "content": "Hi"})) == ChatResult(
        "Hi", FinishReason.STOP, usage=TokenUsage(5, 2)
    )


def test_answer_of_the_prompt_route_has_its_response() -> None:
    payload = {"response": " upon", "thinking": "hm", "done": True, "done_reason": "length", **COUNTS}
    assert decode(payload, route="prompt") == ChatResult(
        " upon", FinishReason.LENGTH, usage=TokenUsage(5, 2), reasoning="hm"
    )


def test_answer_tool_calls_have_their_arguments_as_text() -> None:
    called = {"id": "call_9", "function": {"index": 0, "name": "add", "arguments": {"a": 2, "b": 3}}}
    result = decode(answer({"content": "", "tool_calls": [called]}))
    assert result.tool_calls == (ToolCall("call_9", "add", '{"a": 2, "b": 3}'),)


def test_answer_tool_call_without_arguments_gets_an_empty_object() -> None:
    result = decode(answer({"tool_calls": [{"id": "c", "function": {"name": "clock"}}]}))
    assert result.tool_calls == (ToolCall("c", "clock", "{}"),)


def test_answer_with_tool_calls_that_says_stop_finishes_with_tool_calls() -> None:
    called = {"id": "c", "function": {"name": "clock", "arguments": {}}}
    assert decode(answer({"tool_calls": [called]})).finish_reason is FinishReason.TOOL_CALLS


def test_answer_tool_calls_without_ids_get_them() -> None:
    called = {"function": {"name": "clock", "arguments": {}}}
    first, second = decode(answer({"content": "", "tool_calls": [called, called]})).tool_calls
    assert first.id.startswith("call_")
    assert first.id != second.id


def test_answer_thinking_is_not_in_the_text() -> None:
    result = decode(answer({"content": "4", "thinking": "2+2"}))
    assert (result.text, result.reasoning) == ("4", "2+2")


@pytest.mark.parametrize("word", ["stop", "news", None])
def test_answer_that_is_done_for_another_reason_stopped(word: str | None) -> None:
    assert decode(answer({"content": "Hi"}, done_reason=word)).finish_reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"prompt_eval_count": None}, None),
        ({"eval_count": None}, TokenUsage(5, 0)),
        ({"prompt_eval_count": None, "eval_count": None}, None),
    ],
)
def test_answer_usage_without_the_count_of_the_prompt_is_unknown(
    counts: Any, expected: TokenUsage | None
) -> None:
    assert decode(answer({"content": "Hi"}, **counts)).usage == expected


@pytest.mark.parametrize("word", ["load", "unload"])
def test_answer_that_only_loaded_the_model_is_bad(word: str) -> None:
    with pytest.raises(BadAnswer, match=word):
        decode(answer({"content": ""}, done_reason=word))


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        answer({"content": "Hi"}, done=False),
        {"message": {"content": "Hi"}},
        answer(None),
        answer("Hi"),
        answer({"content": 7}),
        answer({"content": ""}, done_reason=None),
        answer({"content": "Hi"}, done_reason=["stop"]),
        answer({"content": "Hi", "tool_calls": [{"function": {}}]}),
        answer({"content": "Hi", "tool_calls": [{"function": {"name": "f", "arguments": 7}}]}),
        answer({"content": "Hi"}, eval_count="2"),
    ],
)
def test_answer_of_a_wrong_form_is_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        decode(payload)


@pytest.mark.parametrize("error", ["out of memory", {"message": "out of memory"}])
def test_answer_that_reports_an_error_raises_it(error: Any) -> None:
    with pytest.raises(BackendFailed, match="out of memory"):
        decode({"error": error})


def test_models_are_sorted_names() -> None:
    payload = {"models": [{"name": "b:latest", "size": 1}, {"name": "a:13b"}]}
    assert ollama.decode_models(payload, options={}) == ("a:13b", "b:latest")
