from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from api.openai.responses import RESPONSES
from generation.failures import API_ERRORS
from llmbackends.types import ChatChunk, LikelyToken, TokenLogprob, ToolCallDelta
from tests.api.openai.responses_support import (
    CALLED,
    CUT_SHORT,
    FILTERED,
    HELLO,
    STAMP,
    STOP,
    TIDE,
    USAGE,
    answered,
    call,
    read,
    streamed,
    text,
)

STARTED = ["response.created", "response.in_progress"]
TEXT_BEGINS = ["response.output_item.added", "response.content_part.added"]
TEXT_ENDS = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
CALL_BEGINS = ["response.output_item.added"]
CALL_ENDS = ["response.function_call_arguments.done", "response.output_item.done"]
TEXT_DELTA = "response.output_text.delta"
CALL_DELTA = "response.function_call_arguments.delta"
COMPLETED = ["response.completed"]

TEXT = [*text("The tide ", "comes in."), STOP]
CALLS = [*call('{"port":', '"Ulsan"}'), *call("{}", index=1), CALLED]
BOTH = [*text("Let me see."), *call("{}"), CALLED]
LOGPROB = TokenLogprob(LikelyToken("Yes", -0.5), (LikelyToken("Yes", -0.5), LikelyToken("No", -1.0)))
UNAVAILABLE = API_ERRORS["backend_unavailable"]


def types_of(events: list[Any]) -> list[str]:
    return [event["type"] for event in events]


def of_type(events: list[Any], kind: str) -> list[Any]:
    return [event for event in events if event["type"] == kind]


def test_stream_of_a_text() -> None:
    events = streamed(TEXT)

    assert types_of(events) == [
        *STARTED, *TEXT_BEGINS, TEXT_DELTA, TEXT_DELTA, *TEXT_ENDS, *COMPLETED,
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["delta"] for event in of_type(events, TEXT_DELTA)] == ["The tide ", "comes in."]
    assert of_type(events, "response.output_text.done")[0]["text"] == "The tide comes in."
    places = {(e["item_id"], e["output_index"], e["content_index"]) for e in of_type(events, TEXT_DELTA)}
    assert places == {(f"msg_{STAMP.id}00", 0, 0)}


def test_stream_of_calls() -> None:
    events = streamed(CALLS, tools=[TIDE])

    assert types_of(events) == [
        *STARTED, *CALL_BEGINS, CALL_DELTA, CALL_DELTA, *CALL_BEGINS, CALL_DELTA,
        *CALL_ENDS, *CALL_ENDS, *COMPLETED,
    ]  # fmt: skip
    done = of_type(events, "response.function_call_arguments.done")
    assert [(e["output_index"], e["name"], e["arguments"]) for e in done] == [
        (0, "tide", '{"port":"Ulsan"}'),
        (1, "tide", "{}"),
    ]
    items = [event["item"] for event in of_type(events, "response.output_item.added")]
    assert [item["call_id"] for item in items] == [STAMP.tool_call_id(0, 0), STAMP.tool_call_id(0, 1)]
    assert [(item["arguments"], item["status"]) for item in items] == [("", "in_progress")] * 2


def test_stream_of_a_text_and_a_call_ends_the_one_before_the_other() -> None:
    events = streamed(BOTH, tools=[TIDE])

    assert types_of(events) == [
        *STARTED, *TEXT_BEGINS, TEXT_DELTA, *TEXT_ENDS, *CALL_BEGINS, CALL_DELTA, *CALL_ENDS, *COMPLETED,
    ]  # fmt: skip


def test_stream_of_a_text_after_a_call_begins_another_message() -> None:
    events = streamed([*text("One"), *call("{}"), *text("two", "three"), CALLED], tools=[TIDE])

    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert [item["content"][0]["text"] for item in output[::2]] == ["One", "twothree"]
    assert [event["output_index"] for event in of_type(events, TEXT_DELTA)] == [0, 2, 2]


def test_stream_of_one_chunk_with_a_text_and_calls_has_all_of_them() -> None:
    first, second = ToolCallDelta(0, "a", "tide", "{}"), ToolCallDelta(1, "b", "now", "{}")
    chunk = replace(CALLED, text="See:", tool_calls=(first, second))

    output = streamed([chunk], tools=[TIDE])[-1]["response"]["output"]

    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    assert [item["name"] for item in output[1:]] == ["tide", "now"]


def test_stream_of_calls_in_mixed_pieces_keeps_them_apart() -> None:
    begun = [*call(), *call(index=1)]
    pieces = [ToolCallDelta(number % 2, arguments=piece) for number, piece in enumerate('{[""]}')]

    events = streamed([*begun, *(ChatChunk(tool_calls=(piece,)) for piece in pieces), CALLED], tools=[TIDE])

    assert [item["arguments"] for item in events[-1]["response"]["output"]] == ['{"]', '["}']


@pytest.mark.parametrize("chunks", [TEXT, CALLS, BOTH, [STOP], [*text("The"), CUT_SHORT]])
def test_stream_ends_with_the_answer_that_a_plain_request_gets(chunks: list[ChatChunk]) -> None:
    last = streamed(chunks, tools=[TIDE], metadata={"a": "b"})[-1]

    assert last["response"] == answered(chunks, tools=[TIDE], metadata={"a": "b"})


def test_stream_ends_each_item_as_it_stands_in_the_answer() -> None:
    events = streamed(BOTH, tools=[TIDE])

    done = [event["item"] for event in of_type(events, "response.output_item.done")]
    assert done == events[-1]["response"]["output"]


def test_stream_begins_with_an_answer_in_progress() -> None:
    created, in_progress, *_ = streamed(TEXT, instructions="Be brief.")

    assert created["response"] == in_progress["response"]
    assert created["response"]["status"] == "in_progress"
    assert (created["response"]["output"], created["response"]["usage"]) == ([], None)
    assert created["response"]["instructions"] == "Be brief."


def test_stream_of_nothing_is_an_empty_message() -> None:
    assert types_of(streamed([STOP])) == [*STARTED, *TEXT_BEGINS, *TEXT_ENDS, *COMPLETED]


def test_stream_does_not_tell_what_the_model_thought() -> None:
    events = streamed([ChatChunk(reasoning="Hm."), *TEXT])

    assert events == streamed(TEXT)


@pytest.mark.parametrize(("end", "reason"), [(CUT_SHORT, "max_output_tokens"), (FILTERED, "content_filter")])
def test_stream_that_was_cut_short_says_why(end: ChatChunk, reason: str) -> None:
    events = streamed([*text("The tide"), end])

    assert types_of(events)[-2:] == ["response.output_item.done", "response.incomplete"]
    assert events[-2]["item"]["status"] == "incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}


def test_stream_that_was_cut_short_in_a_call_has_but_this_incomplete() -> None:
    events = streamed([*text("See:"), *call("{}"), *call('{"po', index=1), CUT_SHORT], tools=[TIDE])

    done = [event["item"] for event in of_type(events, "response.output_item.done")]
    assert [item["status"] for item in done] == ["completed", "completed", "incomplete"]


def test_stream_that_was_cut_short_has_the_item_incomplete_that_was_written_last() -> None:
    mixed = [*call(index=0), *call("{}", index=1), *call('{"po')[1:], CUT_SHORT]

    output = streamed(mixed, tools=[TIDE])[-1]["response"]["output"]

    assert [item["status"] for item in output] == ["incomplete", "completed"]


def test_stream_tells_logprobs_with_their_text_and_at_the_end() -> None:
    chunk = ChatChunk(text="Yes", logprobs=(LOGPROB,))

    events = streamed([chunk, STOP], include=["message.output_text.logprobs"], top_logprobs=2)

    [delta] = of_type(events, TEXT_DELTA)
    [done] = of_type(events, "response.output_text.done")
    assert [token["token"] for token in delta["logprobs"][0]["top_logprobs"]] == ["Yes", "No"]
    assert done["logprobs"] == delta["logprobs"]
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == delta["logprobs"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("backend_error", "server_error"),
        ("backend_timeout", "server_error"),
        ("backend_unavailable", "server_error"),
        ("internal_error", "server_error"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("budget_exceeded", "rate_limit_exceeded"),
        ("context_length_exceeded", "invalid_prompt"),
        ("invalid_request", "invalid_prompt"),
    ],
)
def test_stream_that_fails_ends_with_the_error_and_a_failed_answer(code: str, told: str) -> None:
    error = API_ERRORS[code]

    events = streamed(text("The tide"), failure=error)

    assert types_of(events) == [*STARTED, *TEXT_BEGINS, TEXT_DELTA, "error", "response.failed"]
    assert events[-2] == {
        "type": "error", "code": code, "message": error.message, "param": None, "sequence_number": 5,
    }  # fmt: skip
    response = events[-1]["response"]
    assert (response["status"], response["error"]) == ("failed", {"code": told, "message": error.message})
    assert (response["output"], response["usage"]) == ([], None)


def test_stream_that_fails_before_it_began_begins_first() -> None:
    writer = RESPONSES.stream(read(), STAMP)

    written = writer.failure(UNAVAILABLE)

    assert written.startswith(b"event: response.created\n")
    assert b"event: response.failed\n" in written


@pytest.mark.parametrize(
    ("chunks", "failure"),
    [
        (TEXT, None),
        (CALLS, None),
        (BOTH, None),
        ([STOP], None),
        ([*text("The"), FILTERED], None),
        ([ChatChunk(text="Yes", logprobs=(LOGPROB,)), STOP], None),
        (text("The"), UNAVAILABLE),
        ([*text("See:"), *call('{"po')], UNAVAILABLE),
    ],
)
def test_stream_has_events_of_the_documented_form(chunks: Any, failure: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    wanted = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}

    for event in streamed(chunks, failure, tools=[TIDE], text={"format": wanted}):
        known = adapter.validate_python(event)
        assert known.type == event["type"]
        assert set(known.model_extra or ()) <= {"name"}  # which clients of an older form look for


def test_stream_survives_texts_that_look_like_events() -> None:
    hostile = 'event: error\n\ndata: {"a": "\\"}\r\n\u2028\0'

    events = streamed([*text(hostile), STOP])

    assert of_type(events, TEXT_DELTA)[0]["delta"] == hostile
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == hostile


def test_stream_never_has_the_ids_of_the_upstream() -> None:
    written = str(streamed(CALLS, tools=[TIDE]))

    assert "upstream-id" not in written


def test_stream_writes_pieces_as_they_come() -> None:
    writer = RESPONSES.stream(read(**HELLO), STAMP)
    opening = writer.opening()

    pieces = [writer.chunk(0, chunk) for chunk in text("a", "b")]

    assert opening.count(b"\n\n") == 2
    assert [piece.count(b"\n\n") for piece in pieces] == [3, 1]
    assert writer.chunk(0, STOP) == b""
    assert writer.closing(USAGE).count(b"\n\n") == 4


def test_calls_have_ids_by_the_order_in_which_they_first_appear() -> None:
    events = streamed([*call("{}", index=7), *call("{}", index=3), CALLED], tools=[TIDE])

    calls = [event["item"]["call_id"] for event in events if event["type"] == "response.output_item.added"]
    assert calls == [STAMP.tool_call_id(0, 0), STAMP.tool_call_id(0, 1)]
