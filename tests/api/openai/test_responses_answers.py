from __future__ import annotations

from typing import Any

import pytest

from llmbackends.types import ChatChunk, LikelyToken, TokenLogprob
from tests.api.openai.responses_support import (
    CALLED,
    CUT_SHORT,
    FILTERED,
    STAMP,
    STOP,
    TIDE,
    answered,
    call,
    text,
)

MESSAGE_ID = f"msg_{STAMP.id}00"


def test_answer_with_a_text() -> None:
    answer = answered([*text("The tide ", "comes in."), STOP])

    assert (answer["id"], answer["object"], answer["model"]) == (f"resp_{STAMP.id}", "response", "default")
    assert (answer["created_at"], answer["status"]) == (1_800_000_000, "completed")
    assert (answer["error"], answer["incomplete_details"]) == (None, None)
    part = {"type": "output_text", "text": "The tide comes in.", "annotations": [], "logprobs": []}
    assert answer["output"] == [
        {
            "id": MESSAGE_ID,
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    ]
    assert answer["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 18,
    }


def test_answer_says_that_several_calls_may_come_whatever_the_client_wished() -> None:
    answer = answered([*call("{}"), CALLED], tools=[TIDE], parallel_tool_calls=False)

    assert answer["parallel_tool_calls"] is True


def test_answer_with_calls_names_them_by_ids_of_ours() -> None:
    answer = answered([*call("{}"), *call('{"port":', '"Ulsan"}', index=1), CALLED], tools=[TIDE])

    assert answer["status"] == "completed"
    assert answer["output"] == [
        {
            "id": f"fc_{STAMP.id}0{number}",
            "type": "function_call",
            "status": "completed",
            "call_id": STAMP.tool_call_id(0, number),
            "name": "tide",
            "arguments": arguments,
        }
        for number, arguments in enumerate(["{}", '{"port":"Ulsan"}'])
    ]


def test_answer_with_a_text_and_a_call_has_both_in_this_order() -> None:
    answer = answered([*text("Let me see."), *call("{}"), CALLED], tools=[TIDE])

    assert [item["type"] for item in answer["output"]] == ["message", "function_call"]
    assert [item["id"][-2:] for item in answer["output"]] == ["00", "01"]


def test_answer_of_nothing_is_an_empty_text() -> None:
    [item] = answered([STOP])["output"]

    assert item["content"][0]["text"] == ""


@pytest.mark.parametrize(("end", "reason"), [(CUT_SHORT, "max_output_tokens"), (FILTERED, "content_filter")])
def test_answer_that_was_cut_short_says_why(end: ChatChunk, reason: str) -> None:
    answer = answered([*text("The tide"), end])

    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert answer["output"][0]["status"] == "incomplete"


def test_answer_that_was_cut_short_has_but_its_last_item_incomplete() -> None:
    answer = answered([*text("See:"), *call("{}"), *call('{"po', index=1), CUT_SHORT], tools=[TIDE])

    assert [item["status"] for item in answer["output"]] == ["completed", "completed", "incomplete"]


def test_answer_tells_logprobs() -> None:
    likely = LikelyToken("Yes", -0.5), LikelyToken("No", -1.0, b"No")
    chunk = ChatChunk(text="Yes", logprobs=(TokenLogprob(likely[0], likely),))

    answer = answered([chunk, STOP], include=["message.output_text.logprobs"], top_logprobs=2)

    yes = {"token": "Yes", "logprob": -0.5, "bytes": [89, 101, 115]}
    no = {"token": "No", "logprob": -1.0, "bytes": [78, 111]}
    assert answer["output"][0]["content"][0]["logprobs"] == [{**yes, "top_logprobs": [yes, no]}]
    assert answer["top_logprobs"] == 2


def test_answer_does_not_tell_what_the_model_thought() -> None:
    answer = answered([ChatChunk(reasoning="Hm."), *text("Yes."), STOP])

    assert "Hm." not in str(answer)
    assert [item["type"] for item in answer["output"]] == ["message"]


def test_answer_repeats_what_the_client_said() -> None:
    said: dict[str, Any] = {
        "instructions": "Be brief.",
        "max_output_tokens": 30,
        "metadata": {"ticket": "12"},
        "temperature": 0.25,
        "top_p": 0.5,
        "tool_choice": {"type": "function", "name": "tide"},
    }

    answer = answered([*call("{}"), CALLED], tools=[TIDE], **said)

    assert {name: answer[name] for name in said} == said
    assert answer["tools"] == [{**TIDE, "description": None}]


def test_answer_repeats_the_format() -> None:
    wanted = {"type": "json_schema", "name": "place", "schema": {"type": "object"}, "strict": True}

    answer = answered([*text("{}"), STOP], text={"format": wanted})

    assert answer["text"] == {"format": {**wanted, "description": None}}


def test_answer_has_the_documented_defaults_where_the_client_said_nothing() -> None:
    answer = answered([*text("Yes."), STOP], store=True, truncation="auto", reasoning={"effort": "high"})

    assert {name: value for name, value in answer.items() if name not in ("id", "output", "usage")} == {
        "object": "response",
        "created_at": 1_800_000_000,
        "status": "completed",
        "model": "default",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "background": False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "truncation": "disabled",
    }
