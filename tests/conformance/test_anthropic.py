"""Anthropic's own client, strict about every answer, on /v1/messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.conformance.conftest import anthropic_client
from tests.conformance.installation import ALIAS, serving

pytestmark = pytest.mark.processes

HELLO: Any = [{"role": "user", "content": "Say hello."}]
ADD: Any = {
    "name": "add",
    "description": "Adds two numbers.",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}


def test_plain(claude_client: anthropic.Anthropic) -> None:
    message = claude_client.messages.create(model=ALIAS, max_tokens=100, system="Be brief.", messages=HELLO)

    [block] = message.content
    assert block.type == "text"
    assert block.text.endswith("Say hello.")
    assert (message.type, message.role, message.model) == ("message", "assistant", ALIAS)
    assert message.stop_reason == "end_turn"
    assert message.id.startswith("msg_")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_plain_stops_at_its_limit(claude_client: anthropic.Anthropic) -> None:
    message = claude_client.messages.create(model=ALIAS, max_tokens=2, messages=HELLO)

    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 2


def test_plain_with_a_conversation(claude_client: anthropic.Anthropic) -> None:
    messages: Any = [
        {"role": "user", "content": [{"type": "text", "text": "What is two and three?"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 2, "b": 3}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "5"},
                {"type": "text", "text": "And twice that?"},
            ],
        },
    ]

    message = claude_client.messages.create(model=ALIAS, max_tokens=100, messages=messages, tools=[ADD])

    assert "And twice that?" in "".join(block.text for block in message.content if block.type == "text")


def test_stream_tells_the_whole_course_of_events(claude_client: anthropic.Anthropic) -> None:
    events = list(claude_client.messages.create(model=ALIAS, max_tokens=100, messages=HELLO, stream=True))

    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) <= {"content_block_delta"}


def test_stream_helper_collects_the_answer(claude_client: anthropic.Anthropic) -> None:
    with claude_client.messages.stream(model=ALIAS, max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text.endswith("Say hello.")
    assert final.content[0].text == text  # type: ignore[union-attr]
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


@pytest.mark.parametrize("which", ["claude_client", "claude_toy_client"])
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "add"}])
def test_tool_call(which: str, choice: Any, request: pytest.FixtureRequest) -> None:
    some_client: anthropic.Anthropic = request.getfixturevalue(which)

    message = some_client.messages.create(
        model=ALIAS, max_tokens=200, messages=HELLO, tools=[ADD], tool_choice=choice
    )

    calls = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use"
    assert calls[0].name == "add"
    assert calls[0].id
    assert set(calls[0].input) == {"a", "b"}


@pytest.mark.parametrize("which", ["claude_client", "claude_toy_client"])
def test_tool_call_is_streamed_in_pieces(which: str, request: pytest.FixtureRequest) -> None:
    some_client: anthropic.Anthropic = request.getfixturevalue(which)

    with some_client.messages.stream(
        model=ALIAS, max_tokens=200, messages=HELLO, tools=[ADD], tool_choice={"type": "any"}
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()

    calls = [block for block in final.content if block.type == "tool_use"]
    assert pieces
    assert calls[0].name == "add"
    assert set(calls[0].input) == {"a", "b"}


def test_wrong_request(claude_client: anthropic.Anthropic) -> None:
    wrong: Any = [{"role": "poet", "content": "x"}]

    with pytest.raises(anthropic.BadRequestError) as refused:
        claude_client.messages.create(model=ALIAS, max_tokens=10, messages=wrong)

    body: Any = refused.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"


def test_unknown_model(claude_client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as refused:
        claude_client.messages.create(model="claude-9", max_tokens=10, messages=HELLO)

    body: Any = refused.value.body
    assert body["error"]["type"] == "not_found_error"


def test_wrong_key(claude_client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        claude_client.with_options(api_key="co_0000000000_wrong").messages.create(
            model=ALIAS, max_tokens=10, messages=HELLO
        )


def test_stream_that_breaks_off_is_an_error_for_the_reader(tmp_path: Path) -> None:
    options = json.dumps({"fail": "cut"})
    with (
        serving(tmp_path, LLM_PROVIDER="dummy", LLM_OPTIONS=options) as served,
        anthropic_client(served) as client,
        pytest.raises(anthropic.APIError),
        client.messages.stream(model=ALIAS, max_tokens=100, messages=HELLO) as stream,
    ):
        list(stream)
