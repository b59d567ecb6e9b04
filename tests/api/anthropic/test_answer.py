from __future__ import annotations

import json
from typing import Any

import pytest

from api.anthropic.messages import MESSAGES
from api.frontdoor.dialect import Stamp
from llmbackends.types import ChatResult, FinishReason, TokenUsage, ToolCall
from tests.api.anthropic.reading import body

STAMP = Stamp("0123456789abcdef0123456789abcdef", 1_700_000_000, "default")


def _answer(result: ChatResult) -> dict[str, Any]:
    ask = MESSAGES.read(body())
    answer: dict[str, Any] = json.loads(MESSAGES.answer(ask, [result], TokenUsage(12, 5), STAMP))
    return answer


def _input(arguments: str) -> Any:
    call = ToolCall("upstream-id", "weather", arguments)
    return _answer(ChatResult("", FinishReason.TOOL_CALLS, (call,)))["content"][0]["input"]


def test_answer_text() -> None:
    assert _answer(ChatResult("Hello", FinishReason.STOP)) == {
        "id": "msg_0123456789abcdef0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "model": "default",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 5,
        },
    }


def test_answer_tool_calls_follow_text_under_our_ids() -> None:
    calls = (ToolCall("a", "weather", '{"city": "Seoul"}'), ToolCall("b", "clock", ""))

    answer = _answer(ChatResult("I look.", FinishReason.TOOL_CALLS, calls))

    assert answer["stop_reason"] == "tool_use"
    assert answer["content"] == [
        {"type": "text", "text": "I look."},
        {
            "type": "tool_use",
            "id": "toolu_0123456789abcdef01230000",
            "name": "weather",
            "input": {"city": "Seoul"},
        },
        {"type": "tool_use", "id": "toolu_0123456789abcdef01230001", "name": "clock", "input": {}},
    ]


@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [
        (FinishReason.STOP, "end_turn"),
        (FinishReason.LENGTH, "max_tokens"),
        (FinishReason.TOOL_CALLS, "tool_use"),
        (FinishReason.CONTENT_FILTER, "refusal"),
    ],
)
def test_answer_stop_reason(reason: FinishReason, stop_reason: str) -> None:
    assert _answer(ChatResult("x", reason))["stop_reason"] == stop_reason


def test_answer_of_nothing_has_empty_content() -> None:
    assert _answer(ChatResult("", FinishReason.CONTENT_FILTER))["content"] == []


def test_answer_leaves_reasoning_out() -> None:
    assert "secret" not in json.dumps(_answer(ChatResult("Yes", FinishReason.STOP, reasoning="secret")))


@pytest.mark.parametrize(
    "arguments",
    ['{"city":', "[1]", '"{}"', "null", '{"n": NaN}', '{"a": 1} {"b": 2}', '{"a":' + "[" * 100_000],
)
def test_answer_wraps_arguments_that_are_no_object(arguments: str) -> None:
    assert _input(arguments) == {"invalid_json": arguments}


def test_answer_takes_blank_arguments_for_none() -> None:
    assert _input(" \n") == {}


def test_answer_keeps_numbers_of_arguments_digit_for_digit() -> None:
    call = ToolCall("a", "weather", '{"n": 0.10, "m": 123456789012345678901234567890}')

    written = MESSAGES.answer(
        MESSAGES.read(body()), [ChatResult("", FinishReason.TOOL_CALLS, (call,))], TokenUsage(1, 1), STAMP
    )

    assert b'{"n": 0.10, "m": 123456789012345678901234567890}' in written
