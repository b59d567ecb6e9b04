from __future__ import annotations

import pytest

from generation.failures import API_ERRORS
from llmbackends.types import ChatChunk, FinishReason, TokenUsage
from tests.api.anthropic.writing import call, end, events_in, new_writer, shape_of, stream_of, text


def test_stream_of_text() -> None:
    assert events_in(stream_of(text("Hel"), text('lo "\n'), end())) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_0123456789abcdef0123456789abcdef",
                "type": "message",
                "role": "assistant",
                "model": "default",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 0,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 0,
                },
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 'lo "\n'}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 12,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 5,
            },
        },
        {"type": "message_stop"},
    ]


def test_stream_of_tool_call_after_text() -> None:
    stream = stream_of(
        text("I look."),
        call(0, "weather"),
        call(0, arguments='{"city":'),
        call(0, arguments='"Seoul"}'),
        end(),
    )

    assert shape_of(stream) == [
        "0 start text", "0 + I look.", "0 stop",
        "1 start weather", '1 + {"city":', '1 + "Seoul"}', "1 stop",
    ]  # fmt: skip


def test_stream_tool_use_block_begins_empty_under_our_id() -> None:
    start = events_in(stream_of(call(7, "weather", "{}"), end()))[1]

    assert start["content_block"] == {
        "type": "tool_use",
        "id": "toolu_0123456789abcdef01230000",
        "name": "weather",
        "input": {},
    }


def test_stream_tells_each_piece_at_once() -> None:
    writer = new_writer()

    assert shape_of(writer.chunk(0, text("a"))) == ["0 start text", "0 + a"]
    assert shape_of(writer.chunk(0, text("b"))) == ["0 + b"]
    assert shape_of(writer.chunk(0, call(3, "clock"))) == ["0 stop", "1 start clock"]
    assert shape_of(writer.chunk(0, call(3, arguments='{"a"'))) == ['1 + {"a"']
    assert shape_of(writer.chunk(0, call(3, arguments=":1}"))) == ["1 + :1}"]
    assert shape_of(writer.chunk(0, call(4, "alarm", "{"))) == ["1 stop", "2 start alarm", "2 + {"]


def test_stream_of_nothing_has_no_block() -> None:
    assert [event["type"] for event in events_in(stream_of(end(FinishReason.CONTENT_FILTER)))] == [
        "message_start",
        "message_delta",
        "message_stop",
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
def test_stream_stop_reason(reason: FinishReason, stop_reason: str) -> None:
    assert events_in(stream_of(text("a"), end(reason)))[-2]["delta"]["stop_reason"] == stop_reason


def test_stream_last_chunk_may_hold_text() -> None:
    last = ChatChunk("b", finish_reason=FinishReason.STOP, usage=TokenUsage(1, 1))

    assert shape_of(stream_of(text("a"), last)) == ["0 start text", "0 + a", "0 + b", "0 stop"]


def test_stream_leaves_reasoning_out() -> None:
    writer = new_writer()

    assert writer.chunk(0, ChatChunk(reasoning="secret")) == b""


def test_stream_failure_ends_without_message_stop() -> None:
    assert events_in(new_writer().failure(API_ERRORS["backend_timeout"])) == [
        {
            "type": "error",
            "error": {
                "type": "timeout_error",
                "message": "The text was not generated in time. Try again.",
                "details": {"error_code": "backend_timeout"},
            },
        }
    ]
