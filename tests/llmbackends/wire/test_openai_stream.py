"""Streams in the OpenAI language. The forms are those that the services were seen to send."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import (
    BackendError,
    BackendFailed,
    BackendUnavailable,
    BadAnswer,
    RateLimited,
    RequestError,
    StreamCut,
)
from llmbackends.types import ChatChunk, ChatResult, FinishReason, TokenUsage, ToolCall, ToolCallDelta
from llmbackends.wire import openai_chat

from .support import sse, stream, streamed_result

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
END = "[DONE]"


def chunk(delta: Any = None, finish_reason: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "choices": [choice], **more}


def text(value: str) -> dict[str, Any]:
    return chunk({"content": value})


def calls(*pieces: Any) -> dict[str, Any]:
    return chunk({"content": None, "tool_calls": list(pieces)})


def piece(index: int | None = 0, call_id: str | None = None, **function: Any) -> dict[str, Any]:
    return {"index": index, "id": call_id, "type": "function", "function": function}


def chunks_of(*payloads: Any, route: str = "chat") -> list[ChatChunk]:
    return list(stream(openai_chat, sse(*payloads), route=route))


def result_of(*payloads: Any, route: str = "chat") -> ChatResult:
    return streamed_result(openai_chat, sse(*payloads), route=route)


def test_stream_finish_waits_for_the_usage_in_a_chunk_of_its_own() -> None:
    assert chunks_of(
        chunk({"role": "assistant", "content": "", "refusal": None}, usage=None),
        chunk({"content": "Hel"}, usage=None),
        chunk({"content": "lo"}, usage=None),
        chunk({}, "length", usage=None),
        {"object": "chat.completion.chunk", "choices": [], "usage": USAGE},
        END,
    ) == [
        ChatChunk("Hel"),
        ChatChunk("lo"),
        ChatChunk(finish_reason=FinishReason.LENGTH, usage=TokenUsage(5, 2)),
    ]


def test_stream_may_bring_usage_with_the_finish_reason() -> None:
    assert result_of(text("Hi"), chunk({}, "stop", usage=USAGE), END).usage == TokenUsage(5, 2)


def test_stream_may_bring_usage_under_x_groq() -> None:
    assert result_of(
        text("Hi"), chunk({}, "stop", x_groq={"id": "r", "usage": USAGE}), END
    ).usage == TokenUsage(5, 2)


def test_stream_may_repeat_the_finish_reason_with_the_usage() -> None:
    result = result_of(
        text("Hi"), chunk({"content": ""}, "stop"), chunk({"content": ""}, "stop", usage=USAGE), END
    )
    assert result == ChatResult("Hi", FinishReason.STOP, usage=TokenUsage(5, 2))


def test_stream_without_usage_has_none() -> None:
    assert result_of(text("Hi"), chunk({}, "stop"), END).usage is None


def test_stream_of_the_prompt_route() -> None:
    result = result_of(
        {"choices": [{"text": " upon", "finish_reason": None}]},
        {"choices": [{"text": " a", "finish_reason": "length"}]},
        {"choices": [], "usage": USAGE},
        END,
        route="prompt",
    )
    assert result == ChatResult(" upon a", FinishReason.LENGTH, usage=TokenUsage(5, 2))


def test_stream_tool_call_arguments_come_in_pieces() -> None:
    assert chunks_of(
        calls(piece(0, "c1", name="weather", arguments="")),
        calls(piece(0, arguments='{"city"')),
        calls(piece(0, arguments=': "Rome"}'), piece(1, "c2", name="clock", arguments="{}")),
        chunk({}, "tool_calls"),
        END,
    ) == [
        ChatChunk(tool_calls=(ToolCallDelta(0, "c1", "weather"),)),
        ChatChunk(tool_calls=(ToolCallDelta(0, arguments='{"city"'),)),
        ChatChunk(
            tool_calls=(
                ToolCallDelta(0, arguments=': "Rome"}'),
                ToolCallDelta(1, "c2", "clock", "{}"),
            )
        ),
        ChatChunk(finish_reason=FinishReason.TOOL_CALLS),
    ]


def test_stream_tool_call_that_repeats_id_and_name_keeps_one_of_each() -> None:
    deltas = chunks_of(
        calls(piece(0, "c1", name="clock", arguments="")),
        calls(piece(0, "c1", name="clock", arguments="{}")),
        chunk({}, "tool_calls"),
        END,
    )[:2]
    assert [delta.tool_calls[0] for delta in deltas] == [
        ToolCallDelta(0, "c1", "clock"),
        ToolCallDelta(0, arguments="{}"),
    ]


@pytest.mark.parametrize("arguments", [None, ""])
def test_stream_tool_call_without_arguments_gets_an_empty_object(arguments: str | None) -> None:
    result = result_of(calls(piece(0, "c1", name="clock", arguments=arguments)), chunk({}, "tool_calls"), END)
    assert result.tool_calls == (ToolCall("c1", "clock", "{}"),)


def test_stream_tool_calls_without_index_are_told_apart_by_their_ids() -> None:
    result = result_of(
        calls(piece(None, "c1", name="clock", arguments="{")),
        calls(piece(None, arguments="}")),
        calls(piece(None, "c2", name="weather", arguments="{}")),
        chunk({}, "tool_calls"),
        END,
    )
    assert result.tool_calls == (ToolCall("c1", "clock", "{}"), ToolCall("c2", "weather", "{}"))


def test_stream_tool_call_without_id_gets_one() -> None:
    result = result_of(calls(piece(0, name="clock", arguments="{}")), chunk({}, "tool_calls"), END)
    assert result.tool_calls[0].id.startswith("call_")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_stream_reasoning_is_not_in_the_text(name: str) -> None:
    assert chunks_of(chunk({name: "2+2"}), text("4"), chunk({}, "stop"), END)[:2] == [
        ChatChunk(reasoning="2+2"),
        ChatChunk("4"),
    ]


def test_stream_refusal_is_text_that_was_filtered() -> None:
    result = result_of(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"), END)
    assert (result.text, result.finish_reason) == ("I cannot.", FinishReason.CONTENT_FILTER)


def test_stream_without_finish_reason_has_finished_if_it_brought_text() -> None:
    assert result_of(text("Hi"), END).finish_reason is FinishReason.STOP


def test_stream_without_finish_reason_has_finished_if_it_brought_tool_calls() -> None:
    result = result_of(calls(piece(0, "0", name="clock", arguments="{}")), chunk({"content": ""}), END)
    assert result.finish_reason is FinishReason.TOOL_CALLS


def test_stream_without_anything_is_bad() -> None:
    with pytest.raises(BadAnswer, match="neither text nor tool calls"):
        chunks_of(chunk({"role": "assistant", "content": ""}), END)


@pytest.mark.parametrize("payloads", [[], [text("Hi")], [text("Hi"), chunk({}, "stop", usage=USAGE)]])
def test_stream_without_its_end_marker_is_cut(payloads: list[Any]) -> None:
    with pytest.raises(StreamCut):
        chunks_of(*payloads)


def test_stream_after_its_end_marker_is_not_read() -> None:
    assert result_of(text("Hi"), chunk({}, "stop"), END, "{broken").text == "Hi"


def test_stream_comments_and_events_without_choices_are_read_over() -> None:
    body = (
        b": OPENROUTER PROCESSING\n\n"
        + sse(
            {"choices": [], "prompt_filter_results": []},
            "",
            {"object": "news"},
            text("Hi"),
            chunk(None, "stop"),
        )
        + sse(END)
    )
    assert streamed_result(openai_chat, body).text == "Hi"


@pytest.mark.parametrize(
    "payload",
    ["{broken", "7", chunk("Hi"), chunk({"content": 7}), {"choices": {}}, {"choices": [None]}],
)
def test_stream_malformed_event_is_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        chunks_of(text("Hi"), payload, END)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"error": {"message": "Provider returned error", "code": 502}}, BackendFailed),
        ({"error": {"message": "slow down", "code": 429, "metadata": {"raw": "later"}}}, RateLimited),
        (
            {**chunk({"content": ""}, "error"), "error": {"code": "server_error", "message": "cut off"}},
            BackendFailed,
        ),
        (
            {"error": {"message": "over capacity", "type": "internal_server_error", "status_code": 503}},
            BackendUnavailable,
        ),
        ({"error": {"message": "bad", "type": "BadRequestError", "code": 400}}, RequestError),
        ({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, RequestError),
        (chunk({}, "error"), BackendFailed),
    ],
)
def test_stream_event_that_reports_an_error_raises_it(payload: Any, expected: type[BackendError]) -> None:
    chunks = stream(openai_chat, sse(text("Hi"), payload, END))
    assert next(chunks) == ChatChunk("Hi")
    with pytest.raises(BackendError) as caught:
        next(chunks)
    assert type(caught.value) is expected


def test_stream_event_named_error_raises_whatever_its_form() -> None:
    with pytest.raises(BackendFailed, match="went away"):
        list(stream(openai_chat, b'event: error\ndata: {"reason": "went away"}\n\n'))
