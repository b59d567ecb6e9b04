"""The events of a streamed chat, from chunks in orders that no dummy plays."""

from __future__ import annotations

import json
from typing import Any

from api.frontdoor.dialect import Stamp
from api.openai.chat import CHAT
from llmbackends.types import ChatChunk, ToolCallDelta

STAMP = Stamp("0123456789abcdef0123456789abcdef", 1_800_000_000, "default")
BODY: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "Hello"}], "n": 2}


def told(*deltas: tuple[int, ToolCallDelta]) -> list[tuple[int, dict[str, Any]]]:
    """The choice and what was told of a tool call, for each delta of a choice."""
    writer = CHAT.stream(CHAT.read(json.dumps(BODY).encode()), STAMP)
    events = [writer.chunk(choice, ChatChunk(tool_calls=(delta,))) for choice, delta in deltas]
    entries = [json.loads(event.removeprefix(b"data: "))["choices"][0] for event in events]
    return [(entry["index"], call) for entry in entries for call in entry["delta"]["tool_calls"]]


def test_calls_are_numbered_as_they_first_appear_whatever_the_upstream_counts() -> None:
    calls = told(
        (0, ToolCallDelta(7, id="up-7", name="tide")),
        (0, ToolCallDelta(3, id="up-3", name="moon")),
        (0, ToolCallDelta(7, arguments="{}")),
    )

    assert [call["index"] for _, call in calls] == [0, 1, 0]
    assert [call.get("id") for _, call in calls] == [STAMP.tool_call_id(0, 0), STAMP.tool_call_id(0, 1), None]


def test_calls_of_each_choice_are_numbered_by_themselves() -> None:
    calls = told(
        (0, ToolCallDelta(1, id="a", name="tide")),
        (1, ToolCallDelta(1, id="b", name="tide")),
    )

    assert [(choice, call["index"], call["id"]) for choice, call in calls] == [
        (0, 0, STAMP.tool_call_id(0, 0)),
        (1, 0, STAMP.tool_call_id(1, 0)),
    ]


def test_a_name_that_the_upstream_repeats_is_told_once() -> None:
    calls = told(
        (0, ToolCallDelta(0, id="a", name="tide", arguments="{")),
        (0, ToolCallDelta(0, id="a", name="tide", arguments="}")),
    )

    assert calls[1][1] == {"index": 0, "function": {"arguments": "}"}}
