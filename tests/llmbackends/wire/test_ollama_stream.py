"""Streams in Ollama's language."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendFailed, BadAnswer, ContextLengthExceeded, StreamCut
from llmbackends.types import ChatChunk, ChatResult, FinishReason, TokenUsage, ToolCallDelta
from llmbackends.wire import ollama

from .support import ndjson, stream, streamed_result


def line(message: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "message": message, "done": False, **more}


def text(value: str) -> dict[str, Any]:
    return line({"role": "assistant", "content": value})


def done(**more: Any) -> dict[str, Any]:
    counts = {"prompt_eval_count": 5, "eval_count": 2}
    return {
        **line({"role": "assistant", "content": ""}),
        "done": True,
        "done_reason": "stop",
        **counts,
        **more,
    }


def tool(name: str, call_id: str) -> dict[str, Any]:
    return {"id": call_id, "function": {"name": name, "arguments": {"a": 1}}}


def chunks_of(*lines: Any, route: str = "chat") -> list[ChatChunk]:
    return list(stream(ollama, ndjson(*lines), route=route))


def test_stream_ends_with_finish_reason_and_usage() -> None:
    assert chunks_of(text("Hel"), text("lo"), done(done_reason="length")) == [
        ChatChunk("Hel"),
        ChatChunk("lo"),
        ChatChunk(finish_reason=FinishReason.LENGTH, usage=TokenUsage(5, 2)),
    ]


def test_stream_last_line_may_bring_text() -> None:
    assert chunks_of(done(message={"content": "Hi"})) == [
        ChatChunk("Hi", finish_reason=FinishReason.STOP, usage=TokenUsage(5, 2))
    ]


def test_stream_last_line_needs_no_line_end() -> None:
    body = ndjson(text("Hi"), done()).removesuffix(b"\n")
    assert streamed_result(ollama, body).text == "Hi"


def test_stream_without_done_reason_has_finished_if_it_brought_text() -> None:
    result = streamed_result(ollama, ndjson(text("Hi"), done(done_reason=None)))
    assert result.finish_reason is FinishReason.STOP


def test_stream_of_the_prompt_route() -> None:
    lines = (
        {"response": "On", "done": False},
        {"response": "ce", "thinking": "hm", "done": False},
        {"response": "", "done": True, "done_reason": "stop", "context": [1, 2], "eval_count": 2},
    )
    assert streamed_result(ollama, ndjson(*lines), route="prompt") == ChatResult(
        "Once", FinishReason.STOP, reasoning="hm"
    )


def test_stream_tool_calls_come_whole_and_are_counted_over_the_lines() -> None:
    assert chunks_of(
        line({"content": "", "tool_calls": [tool("add", "c1"), tool("sub", "c2")]}),
        line({"content": "", "tool_calls": [tool("mul", "c3")]}),
        done(),
    ) == [
        ChatChunk(
            tool_calls=(ToolCallDelta(0, "c1", "add", '{"a": 1}'), ToolCallDelta(1, "c2", "sub", '{"a": 1}'))
        ),
        ChatChunk(tool_calls=(ToolCallDelta(2, "c3", "mul", '{"a": 1}'),)),
        ChatChunk(finish_reason=FinishReason.TOOL_CALLS, usage=TokenUsage(5, 2)),
    ]


def test_stream_thinking_is_not_in_the_text() -> None:
    result = streamed_result(ollama, ndjson(line({"content": "", "thinking": "2+2"}), text("4"), done()))
    assert (result.text, result.reasoning) == ("4", "2+2")


@pytest.mark.parametrize("lines", [[], [text("Hi")]])
def test_stream_without_its_last_line_is_cut(lines: list[Any]) -> None:
    with pytest.raises(StreamCut):
        chunks_of(*lines)


def test_stream_line_that_is_cut_short_is_bad() -> None:
    with pytest.raises(BadAnswer, match="not JSON"):
        chunks_of(text("Hi"), '{"message": {"cont')


def test_stream_error_line_raises() -> None:
    chunks = stream(ollama, ndjson(text("Hi"), {"error": "model runner has unexpectedly stopped"}))
    assert next(chunks) == ChatChunk("Hi")
    with pytest.raises(BackendFailed, match="unexpectedly stopped"):
        next(chunks)


def test_stream_error_line_about_the_context_raises_that() -> None:
    with pytest.raises(ContextLengthExceeded):
        chunks_of({"error": "the input length exceeds the context length"})


@pytest.mark.parametrize(
    "lines",
    [
        ["7"],
        [line("Hi")],
        [line({"content": 7})],
        [line({"tool_calls": [{}]})],
        [done(done_reason=None)],
        [done(done_reason="load")],
    ],
)
def test_stream_of_a_wrong_form_is_bad(lines: list[Any]) -> None:
    with pytest.raises(BadAnswer):
        chunks_of(*lines, done())


def test_stream_after_its_last_line_is_not_read() -> None:
    assert streamed_result(ollama, ndjson(text("Hi"), done(), "{broken")).text == "Hi"


@pytest.mark.parametrize(("route", "other"), [("chat", {"response": "Hi"}), ("prompt", {"message": {}})])
def test_line_of_the_other_route_is_no_empty_answer(route: str, other: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="has no"):
        chunks_of({"model": "m", "done": False, **other}, done(), route=route)
