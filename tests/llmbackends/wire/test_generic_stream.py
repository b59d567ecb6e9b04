"""Streams read by a row's paths."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendFailed, BadAnswer, StreamCut
from llmbackends.types import ChatChunk, ChatResult, FinishReason, TokenUsage
from llmbackends.wire import generic_json

from .support import ndjson, sse, stream, streamed_result

BY_WORD = {"body": {}, "text_path": "text", "stream_framing": "sse", "stream_end": "[DONE]"}
BY_VALUE = {**BY_WORD, "stream_framing": "ndjson", "stream_end": "done=true"}
COUNTS = {"prompt_tokens_path": "in", "completion_tokens_path": "out", "finish_reason_path": "why"}


def test_stream_ends_with_a_whole_text() -> None:
    body = sse({"text": "Hel"}, {"text": "lo"}, "[DONE]")
    assert list(stream(generic_json, body, options=BY_WORD)) == [
        ChatChunk("Hel"),
        ChatChunk("lo"),
        ChatChunk(finish_reason=FinishReason.STOP),
    ]


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("done=true", {"done": True}),
        ("state.name=over", {"state": {"name": "over"}}),
        ("left=0", {"left": 0}),
        ("why=*", {"why": "length"}),
    ],
)
def test_stream_ends_with_a_value_at_a_path(end: str, last: dict[str, Any]) -> None:
    early = {"text": "Hi", "done": False, "state": {"name": "on"}, "left": 1, "why": None}
    body = ndjson(early, {"text": "!", **last})
    assert streamed_result(generic_json, body, options={**BY_VALUE, "stream_end": end}).text == "Hi!"


def test_stream_counts_and_finish_reason_may_come_in_any_event() -> None:
    body = ndjson({"in": 5}, {"text": "Hi", "out": 1}, {"why": "length"}, {"out": 2}, {"done": True})
    assert streamed_result(generic_json, body, options={**BY_VALUE, **COUNTS}) == ChatResult(
        "Hi", FinishReason.LENGTH, usage=TokenUsage(5, 2)
    )


def test_stream_text_may_have_a_path_of_its_own() -> None:
    body = ndjson({"delta": "Hi"}, {"done": True})
    options = {**BY_VALUE, "stream_text_path": "delta"}
    assert streamed_result(generic_json, body, options=options).text == "Hi"


@pytest.mark.parametrize("body", [b"", ndjson({"text": "Hi"}), ndjson({"text": "Hi", "done": "true?"})])
def test_stream_without_its_end_is_cut(body: bytes) -> None:
    with pytest.raises(StreamCut, match="done=true"):
        list(stream(generic_json, body, options=BY_VALUE))


@pytest.mark.parametrize(
    "lines", [["{broken"], [{"text": 7}], [{"done": True}], [{"text": "Hi", "why": 7}, {"done": True}]]
)
def test_stream_of_a_wrong_form_is_bad(lines: list[Any]) -> None:
    with pytest.raises(BadAnswer):
        list(stream(generic_json, ndjson(*lines), options={**BY_VALUE, **COUNTS}))


@pytest.mark.parametrize(
    ("event", "options"),
    [
        ({"error": "boom"}, BY_WORD),
        ({"text": "", "fault": {"message": "boom"}}, {**BY_WORD, "error_path": "fault"}),
    ],
)
def test_stream_event_that_reports_an_error_raises_it(event: Any, options: dict[str, Any]) -> None:
    with pytest.raises(BackendFailed, match="boom"):
        list(stream(generic_json, sse({"text": "Hi"}, event, "[DONE]"), options=options))


def test_stream_after_its_end_is_not_read() -> None:
    body = sse({"text": "Hi"}, "[DONE]", "{broken")
    assert streamed_result(generic_json, body, options=BY_WORD).text == "Hi"
