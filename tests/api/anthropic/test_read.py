from __future__ import annotations

import pytest

from api.anthropic.messages import MESSAGES
from llmbackends.types import Message, ResponseFormat, Sampling, Tool, ToolChoice
from tests.api.anthropic.reading import HELLO, WEATHER, body, request_of


def test_read_smallest_body() -> None:
    ask = MESSAGES.read(body())

    assert (ask.model, ask.stream) == ("default", False)
    assert ask.requests[0].messages == (Message("user", "Hello"),)
    assert ask.requests[0].sampling == Sampling(max_tokens=50)


def test_read_stream() -> None:
    assert MESSAGES.read(body(stream=True)).stream is True


def test_read_sampling() -> None:
    request = request_of(temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["END", ""])

    assert request.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=40, max_tokens=50, stop=("END",))


def test_read_top_k_of_zero_is_no_limit() -> None:
    assert request_of(top_k=0).sampling.top_k is None


@pytest.mark.parametrize(
    ("system", "text"),
    [
        ("Be brief.", "Be brief."),
        ([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}], "Be brief."),
        (
            [
                {"type": "text", "text": "Be"},
                {"type": "text", "text": ""},
                {"type": "text", "text": "brief."},
            ],
            "Be\n\nbrief.",
        ),
    ],
)
def test_read_system_becomes_first_message(system: object, text: str) -> None:
    assert request_of(system=system).messages == (Message("system", text), Message("user", "Hello"))


@pytest.mark.parametrize("system", ["", []])
def test_read_empty_system_is_none(system: object) -> None:
    assert request_of(system=system).messages == (Message("user", "Hello"),)


def test_read_skips_what_it_does_not_know() -> None:
    request = request_of(
        metadata={"user_id": "7"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        service_tier="auto",
        cache_control={"type": "ephemeral"},
        unheard_of=[1],
    )

    assert request == request_of()


def test_read_tools() -> None:
    plain = {**WEATHER, "cache_control": {"type": "ephemeral"}}
    typed = {"type": "custom", "name": "clock", "input_schema": {}, "strict": True}

    assert request_of(tools=[plain, typed]).tools == (
        Tool("weather", "Tells it.", {"type": "object"}),
        Tool("clock", "", {"type": "object", "properties": {}}, strict=True),
    )


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "weather"}, ToolChoice("named", "weather")),
        (None, None),
    ],
)
def test_read_tool_choice(choice: object, read: ToolChoice | None) -> None:
    assert request_of(tools=[WEATHER], tool_choice=choice).tool_choice == read


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_read_tool_choice_without_tools_is_none(kind: str) -> None:
    assert request_of(tool_choice={"type": kind}).tool_choice is None


def test_read_output_format() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}

    request = request_of(output_config={"effort": "low", "format": {"type": "json_schema", "schema": schema}})

    assert request.response_format == ResponseFormat("json_schema", schema=schema)


def test_read_output_config_without_format() -> None:
    assert request_of(output_config={"effort": "low"}).response_format is None


def test_read_keeps_turns_of_one_role_apart() -> None:
    assert request_of(messages=[HELLO, HELLO]).messages == (Message("user", "Hello"),) * 2
