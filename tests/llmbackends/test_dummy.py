"""The backend without a model."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from llmbackends.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    RateLimited,
    StreamCut,
    UnsupportedFeature,
)
from llmbackends.types import (
    ChatRequest,
    ChatResult,
    ChunkCollector,
    FinishReason,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from tests.asyncio_support import run_async

from .backends import collect
from .dummy_support import REQUEST, answer, dummy

CITY_TOOL = Tool("get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
TIME_TOOL = Tool("get_time")


def with_sampling(**sampling: Any) -> ChatRequest:
    return replace(REQUEST, sampling=Sampling(**sampling))


def test_answer_repeats_the_last_user_message() -> None:
    result = answer()

    assert result.text.endswith(" to: Tell me about rivers")
    assert result.finish_reason is FinishReason.STOP
    assert result.usage is not None
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (6, 7)


def test_answer_is_the_same_for_the_same_request() -> None:
    assert answer() == answer()


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, messages=(Message("user", "Tell me about rivers"),)),
        with_sampling(seed=2),
        replace(REQUEST, messages=(Message("user", (TextPart("See"), ImagePart("QUJD", "image/png"))),)),
        replace(REQUEST, messages=(Message("user", (TextPart("See"), ImagePart("REVG", "image/png"))),)),
    ],
    ids=["messages", "seed", "image", "other image"],
)
def test_answer_differs_for_another_request(other: ChatRequest) -> None:
    image = replace(REQUEST, messages=(Message("user", (TextPart("See"), ImagePart("R0hJ", "image/png"))),))

    assert answer(other).text not in (answer().text, answer(image).text)


def test_answer_repeats_only_the_start_of_a_long_message() -> None:
    long = replace(REQUEST, messages=(Message("user", "word " * 1000),))

    assert len(answer(long).text) < 300


def test_option_text_is_the_answer() -> None:
    assert answer(text="  Exactly\nthis. ").text == "  Exactly\nthis. "


def test_option_text_may_be_empty() -> None:
    result = answer(text="")

    assert (result.text, result.finish_reason) == ("", FinishReason.STOP)


def test_generate_answers_a_prompt() -> None:
    async def ask() -> str:
        async with dummy() as backend:
            return await backend.generate("Once upon a time")

    assert run_async(ask()).endswith("to: Once upon a time")


def test_max_tokens_cuts_the_answer() -> None:
    result = answer(with_sampling(max_tokens=3), text="one two three four")

    assert (result.text, result.finish_reason) == ("one two three", FinishReason.LENGTH)
    assert result.usage is not None
    assert result.usage.completion_tokens == 3


def test_max_tokens_that_suffices_cuts_nothing() -> None:
    result = answer(with_sampling(max_tokens=4), text="one two three four")

    assert (result.text, result.finish_reason) == ("one two three four", FinishReason.STOP)


@pytest.mark.parametrize(
    ("stop", "expected"),
    [(("three",), "one two "), (("four", "two"), "one "), (("five",), "one two three four")],
)
def test_stop_ends_the_answer_before_it(stop: tuple[str, ...], expected: str) -> None:
    result = answer(with_sampling(stop=stop), text="one two three four")

    assert (result.text, result.finish_reason) == (expected, FinishReason.STOP)


def test_json_schema_gets_a_value_that_fits() -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "stars": {"type": "integer", "minimum": 3}},
        "required": ["title", "stars"],
        "additionalProperties": False,
    }
    wanted = ResponseFormat("json_schema", schema=schema)

    result = answer(replace(REQUEST, response_format=wanted), text="not used")

    assert json.loads(result.text) == {"title": "text", "stars": 3}


def test_json_schema_without_a_known_value_is_refused() -> None:
    wanted = ResponseFormat("json_schema", schema={"type": "string", "pattern": "^[0-9]{4}$"})

    with pytest.raises(UnsupportedFeature, match="no JSON value for the response format"):
        answer(replace(REQUEST, response_format=wanted))


def test_json_object_holds_the_answer() -> None:
    wanted = replace(REQUEST, response_format=ResponseFormat("json_object"))

    assert json.loads(answer(wanted, text="Hi").text) == {"answer": "Hi"}


@pytest.mark.parametrize(
    ("choice", "name", "arguments"),
    [
        (ToolChoice("required"), "get_weather", {"city": "text"}),
        (ToolChoice("named", "get_weather"), "get_weather", {"city": "text"}),
        (ToolChoice("named", "get_time"), "get_time", {}),
    ],
    ids=["required", "named first", "named second"],
)
def test_tool_choice_gets_a_call_that_fits(choice: ToolChoice, name: str, arguments: dict[str, Any]) -> None:
    result = answer(replace(REQUEST, tools=(CITY_TOOL, TIME_TOOL), tool_choice=choice))

    (call,) = result.tool_calls
    assert (call.name, json.loads(call.arguments)) == (name, arguments)
    assert call.id.startswith("call_")
    assert (result.text, result.finish_reason) == ("", FinishReason.TOOL_CALLS)


@pytest.mark.parametrize("choice", [None, ToolChoice("auto"), ToolChoice("none")])
def test_tools_that_need_not_be_called_are_not(choice: ToolChoice | None) -> None:
    result = answer(replace(REQUEST, tools=(CITY_TOOL,), tool_choice=choice))

    assert result.tool_calls == ()
    assert result.text


@pytest.mark.parametrize(
    "request_",
    [REQUEST, replace(REQUEST, tools=(CITY_TOOL,), tool_choice=ToolChoice("required"))],
    ids=["text", "tool call"],
)
def test_stream_collects_to_the_answer(request_: ChatRequest) -> None:
    async def ask() -> tuple[int, ChatResult]:
        async with dummy() as backend:
            chunks = await collect(backend, request_)
        collector = ChunkCollector()
        for chunk in chunks:
            collector.add(chunk)
        return len(chunks), collector.result()

    count, collected = run_async(ask())

    assert count > 2
    assert collected == answer(request_)


def test_delay_and_pace_are_kept() -> None:
    async def arrivals() -> list[float]:
        started_at = time.monotonic()
        async with (
            dummy(text="one two three four", delay_s=0.2, tokens_per_s=10) as backend,
            backend.stream(REQUEST) as chunks,
        ):
            return [time.monotonic() - started_at async for chunk in chunks if chunk.text]

    first, *others = run_async(arrivals())

    assert first >= 0.2
    assert others[-1] >= 0.5
    assert others == sorted(others)


def test_deadline_ends_an_answer_that_takes_too_long() -> None:
    for options in ({"delay_s": 60}, {"tokens_per_s": 0.1}):
        with pytest.raises(BackendTimeout, match=r"more than 0\.1 s"):
            answer(timeout_s=0.1, **options)


def test_cancelling_ends_the_wait() -> None:
    async def scenario() -> bool:
        async with dummy(delay_s=60, timeout_s=100) as backend:
            task = asyncio.create_task(backend.complete(REQUEST))
            await asyncio.sleep(0.05)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            return task.cancelled()

    assert run_async(scenario(), timeout_s=5)


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        ("unavailable", BackendUnavailable),
        ("rate_limited", RateLimited),
        ("timeout", BackendTimeout),
        ("bad_answer", BadAnswer),
        ("cut", StreamCut),
    ],
)
def test_option_fail_fails_the_answer(fail: str, error: type[BackendError]) -> None:
    with pytest.raises(BackendError) as caught:
        answer(fail=fail)

    assert type(caught.value) is error


def test_rate_limit_says_how_long_to_wait() -> None:
    with pytest.raises(RateLimited) as caught:
        answer(fail="rate_limited")

    assert (caught.value.status_code, caught.value.retry_after_s) == (429, 1.0)


def test_cut_stream_gives_half_of_the_answer_first() -> None:
    received: list[str] = []

    async def read() -> None:
        async with dummy(fail="cut", text="one two three four") as backend, backend.stream(REQUEST) as chunks:
            async for chunk in chunks:
                received.append(chunk.text)

    with pytest.raises(StreamCut):
        run_async(read())

    assert received == ["one", " two"]


@pytest.mark.parametrize(
    ("fail", "is_well"),
    [
        (None, True),
        ("check", False),
        ("unavailable", False),
        ("rate_limited", True),
        ("timeout", True),
        ("bad_answer", True),
        ("cut", True),
    ],
)
def test_check_fails_where_the_option_says_so(fail: str | None, is_well: bool) -> None:
    async def is_checked() -> bool:
        async with dummy(**({"fail": fail} if fail else {})) as backend:
            try:
                await backend.check()
            except BackendUnavailable:
                return False
            return True

    assert run_async(is_checked()) is is_well


def test_answer_comes_although_only_the_check_fails() -> None:
    assert answer(fail="check").text


@pytest.mark.parametrize(("model", "expected"), [("", ("dummy",)), ("mine", ("mine",))])
def test_list_models_names_its_own(model: str, expected: tuple[str, ...]) -> None:
    async def names() -> tuple[str, ...]:
        async with dummy(model=model) as backend:
            return await backend.list_models()

    assert run_async(names()) == expected
