"""Streams in Anthropic's Messages language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendError, BackendUnavailable, BadAnswer, RateLimited, StreamCut
from llmbackends.types import ChatChunk, ChatResult, FinishReason, TokenUsage, ToolCall, ToolCallDelta
from llmbackends.wire import anthropic_messages

from .support import named_sse, stream, streamed_result

START = {
    "type": "message_start",
    "message": {
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1},
    },
}
PING = {"type": "ping"}
STOP = {"type": "message_stop"}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": content}


def text(value: str, index: int = 0) -> dict[str, Any]:
    return delta(index, type="text_delta", text=value)


def tool(index: int, call_id: str, name: str, **more: Any) -> dict[str, Any]:
    return block(index, type="tool_use", id=call_id, name=name, **{"input": {}, **more})


def arguments(index: int, value: str) -> dict[str, Any]:
    return delta(index, type="input_json_delta", partial_json=value)


def ended(stop_reason: Any = "end_turn", **usage: Any) -> dict[str, Any]:
    counted = {"usage": {"output_tokens": 9, **usage}}
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": None}, **counted}


def block_stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def chunks_of(*events: dict[str, Any]) -> list[ChatChunk]:
    return list(stream(anthropic_messages, named_sse(*events)))


def result_of(*events: dict[str, Any]) -> ChatResult:
    return streamed_result(anthropic_messages, named_sse(*events))


def test_stream_ends_with_finish_reason_and_usage() -> None:
    assert chunks_of(
        START,
        block(0, type="text", text=""),
        PING,
        text("Hel"),
        text("lo"),
        block_stop(0),
        ended("max_tokens"),
        STOP,
    ) == [
        ChatChunk("Hel"),
        ChatChunk("lo"),
        ChatChunk(finish_reason=FinishReason.LENGTH, usage=TokenUsage(105, 9)),
    ]


def test_stream_later_counts_replace_earlier_ones() -> None:
    result = result_of(START, text("Hi"), ended(input_tokens=7, cache_read_input_tokens=None), STOP)
    assert result.usage == TokenUsage(107, 9)


def test_stream_tool_calls_are_counted_apart_from_the_blocks() -> None:
    assert chunks_of(
        START,
        block(0, type="text", text=""),
        text("I look."),
        block_stop(0),
        tool(1, "t1", "weather"),
        arguments(1, ""),
        arguments(1, '{"city"'),
        arguments(1, ': "Rome"}'),
        block_stop(1),
        tool(2, "t2", "clock"),
        arguments(2, "{}"),
        block_stop(2),
        ended("tool_use"),
        STOP,
    ) == [
        ChatChunk("I look."),
        ChatChunk(tool_calls=(ToolCallDelta(0, "t1", "weather"),)),
        ChatChunk(tool_calls=(ToolCallDelta(0, arguments='{"city"'),)),
        ChatChunk(tool_calls=(ToolCallDelta(0, arguments=': "Rome"}'),)),
        ChatChunk(tool_calls=(ToolCallDelta(1, "t2", "clock"),)),
        ChatChunk(tool_calls=(ToolCallDelta(1, arguments="{}"),)),
        ChatChunk(finish_reason=FinishReason.TOOL_CALLS, usage=TokenUsage(105, 9)),
    ]


def test_stream_tool_call_without_arguments_gets_an_empty_object() -> None:
    result = result_of(
        START, tool(0, "t1", "clock"), arguments(0, ""), block_stop(0), ended("tool_use"), STOP
    )
    assert result.tool_calls == (ToolCall("t1", "clock", "{}"),)


def test_stream_tool_call_that_comes_whole_keeps_its_arguments() -> None:
    result = result_of(START, tool(0, "t1", "weather", input={"city": "Rome"}), ended("tool_use"), STOP)
    assert result.tool_calls == (ToolCall("t1", "weather", '{"city": "Rome"}'),)


def test_stream_thinking_is_not_in_the_text() -> None:
    result = result_of(
        START,
        block(0, type="thinking", thinking=""),
        delta(0, type="thinking_delta", thinking="2+2"),
        delta(0, type="signature_delta", signature="x"),
        block_stop(0),
        text("4", 1),
        ended(),
        STOP,
    )
    assert (result.text, result.reasoning) == ("4", "2+2")


def test_stream_events_and_blocks_of_other_types_are_read_over() -> None:
    result = result_of(
        START,
        {"type": "news", "delta": {"text": "no"}},
        block(0, type="server_tool_use", id="s", name="web_search", input={}),
        arguments(0, '{"query": "x"}'),
        block_stop(0),
        text("Hi", 1),
        ended(),
        STOP,
    )
    assert result == ChatResult("Hi", FinishReason.STOP, usage=TokenUsage(105, 9))


def test_stream_without_stop_reason_has_finished_if_it_brought_text() -> None:
    assert result_of(START, text("Hi"), ended(None), STOP).finish_reason is FinishReason.STOP


def test_stream_without_stop_reason_and_content_is_bad() -> None:
    with pytest.raises(BadAnswer, match="neither text nor tool calls"):
        chunks_of(START, STOP)


@pytest.mark.parametrize("events", [[], [START], [START, text("Hi"), ended()]])
def test_stream_without_its_end_marker_is_cut(events: list[Any]) -> None:
    with pytest.raises(StreamCut):
        chunks_of(*events)


@pytest.mark.parametrize(
    ("error", "expected", "status"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, BackendUnavailable, 529),
        ({"type": "rate_limit_error", "message": "Slow down"}, RateLimited, 429),
    ],
)
def test_stream_error_event_raises(error: Any, expected: type[BackendError], status: int) -> None:
    chunks = stream(anthropic_messages, named_sse(START, text("Hi"), {"type": "error", "error": error}))
    assert next(chunks) == ChatChunk("Hi")
    with pytest.raises(BackendError) as caught:
        next(chunks)
    assert (type(caught.value), caught.value.status_code) == (expected, status)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 0, "delta": "Hi"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t"}},
        {"type": "content_block_start", "index": "0", "content_block": {"type": "tool_use", "name": "n"}},
        {"type": "message_start", "message": []},
    ],
)
def test_stream_malformed_event_is_bad(event: Any) -> None:
    with pytest.raises(BadAnswer):
        chunks_of(START, event, text("Hi"), ended(), STOP)


def test_stream_event_that_is_no_json_is_bad() -> None:
    with pytest.raises(BadAnswer, match="not JSON"):
        list(stream(anthropic_messages, b"event: ping\ndata: {broken\n\n"))


def test_stream_after_its_end_marker_is_not_read() -> None:
    assert result_of(START, text("Hi"), ended(), STOP, text("more")).text == "Hi"
