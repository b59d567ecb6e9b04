"""What a model in this process answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmbackends.errors import ContextLengthExceeded, RequestError, UnsupportedFeature
from llmbackends.types import (
    ChatRequest,
    ChatResult,
    FinishReason,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)
from scripts.make_toy_gguf import SENTENCES
from tests.asyncio_support import run_async

from .backends import collect
from .local_support import CITY_TOOL, TIME_TOOL, asking, local_backend

WORDS = {word for sentence in SENTENCES for word in sentence.split()}


def answer(path: Path, request: ChatRequest, **changes: Any) -> ChatResult:
    async def ask() -> ChatResult:
        async with local_backend(path, **changes) as backend:
            return await backend.complete(request)

    return run_async(ask())


def test_complete_answers_in_words_and_counts_tokens(toy_gguf: Path) -> None:
    result = answer(toy_gguf, asking())

    assert result.text.endswith(".")
    assert set(result.text.removesuffix(".").split()) <= WORDS
    assert result.finish_reason is FinishReason.STOP
    assert result.usage is not None
    assert result.usage.prompt_tokens > len("Say hello.")
    assert result.usage.completion_tokens >= 4


def test_complete_gives_the_same_text_for_the_same_seed(toy_gguf: Path) -> None:
    async def texts(seeds: tuple[int, ...]) -> list[str]:
        async with local_backend(toy_gguf) as backend:
            return [(await backend.complete(asking(seed=seed))).text for seed in seeds]

    first, again, *others = run_async(texts((1, 1, 2, 3, 4, 5)))

    assert first == again
    assert set(others) != {first}


def test_complete_is_cut_by_max_tokens(toy_gguf: Path) -> None:
    result = answer(toy_gguf, asking(max_tokens=2))

    assert result.finish_reason is FinishReason.LENGTH
    assert result.usage is not None
    assert result.usage.completion_tokens == 2


def test_complete_stops_at_a_stop_sequence(toy_gguf: Path) -> None:
    result = answer(toy_gguf, asking(stop=(".",)))

    assert result.text
    assert "." not in result.text
    assert result.finish_reason is FinishReason.STOP


def test_complete_takes_every_sampling_parameter(toy_gguf: Path) -> None:
    sampling = Sampling(
        temperature=0.5, top_p=0.9, top_k=20, min_p=0.1, presence_penalty=0.1, frequency_penalty=0.1,
        repeat_penalty=1.1, seed=4, max_tokens=30, stop=("nowhere",),
    )  # fmt: skip

    assert answer(toy_gguf, replace(asking(), sampling=sampling)).text


def test_complete_fills_gaps_from_the_spec(toy_gguf: Path) -> None:
    result = answer(toy_gguf, asking(seed=1), sampling=Sampling(max_tokens=1, seed=2))

    assert result.finish_reason is FinishReason.LENGTH


def test_complete_sends_a_bare_prompt_without_a_template(toy_gguf: Path) -> None:
    chat, prompt = asking("The", max_tokens=1), ChatRequest(prompt="The", sampling=Sampling(max_tokens=1))

    usages = [answer(toy_gguf, request).usage for request in (chat, prompt)]

    assert usages[0] is not None
    assert usages[1] is not None
    assert usages[0].prompt_tokens > usages[1].prompt_tokens


def test_generate_goes_on_with_the_prompt(toy_gguf: Path) -> None:
    async def ask() -> str:
        async with local_backend(toy_gguf) as backend:
            return await backend.generate("The words are")

    assert run_async(ask()).startswith(" real")


def test_stream_gives_the_text_in_pieces(toy_gguf: Path) -> None:
    async def ask() -> tuple[list[Any], ChatResult]:
        async with local_backend(toy_gguf) as backend:
            chunks = await collect(backend, asking(seed=3))
            return chunks, await backend.complete(asking(seed=3))

    (*pieces, last), whole = run_async(ask())

    assert len(pieces) > 3
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [piece for piece in pieces if piece.finish_reason is not None] == []
    assert (last.finish_reason, last.usage) == (whole.finish_reason, whole.usage)


def test_json_schema_shapes_the_answer(toy_gguf: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}, "mood": {"enum": ["glad"]}},
        "required": ["title", "stars", "mood"],
        "additionalProperties": False,
    }
    wanted = replace(asking(max_tokens=400), response_format=ResponseFormat("json_schema", schema=schema))

    value = json.loads(answer(toy_gguf, wanted).text)

    assert value.keys() == {"title", "stars", "mood"}
    assert isinstance(value["stars"], int)
    assert value["mood"] == "glad"


def test_json_object_gives_an_object(toy_gguf: Path) -> None:
    wanted = replace(asking(max_tokens=600, seed=1), response_format=ResponseFormat("json_object"))

    assert isinstance(json.loads(answer(toy_gguf, wanted).text), dict)


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_tool_is_called_with_arguments_that_fit(toy_gguf_tools: Path, mode: Any) -> None:
    request = replace(asking(), tools=(CITY_TOOL,), tool_choice=ToolChoice(mode))

    result = answer(toy_gguf_tools, request)

    assert result.finish_reason is FinishReason.TOOL_CALLS
    (call,) = result.tool_calls
    assert call.name == "get_weather"
    assert call.id
    assert json.loads(call.arguments).keys() == {"city", "days"}


@pytest.mark.parametrize("tool", [CITY_TOOL, TIME_TOOL], ids=lambda tool: tool.name)
def test_tool_choice_by_name_calls_that_tool(toy_gguf_tools: Path, tool: Tool) -> None:
    async def called(seed: int) -> str:
        request = replace(
            asking(seed=seed), tools=(CITY_TOOL, TIME_TOOL), tool_choice=ToolChoice("named", tool.name)
        )
        async with local_backend(toy_gguf_tools) as backend:
            return (await backend.complete(request)).tool_calls[0].name

    assert {run_async(called(seed)) for seed in range(4)} == {tool.name}


def test_tool_choice_by_an_unknown_name_is_refused(toy_gguf_tools: Path) -> None:
    request = replace(asking(), tools=(CITY_TOOL,), tool_choice=ToolChoice("named", "fly"))

    with pytest.raises(RequestError, match="'fly'"):
        answer(toy_gguf_tools, request)


def test_tool_choice_none_calls_no_tool(toy_gguf_tools: Path) -> None:
    request = replace(asking(), tools=(CITY_TOOL,), tool_choice=ToolChoice("none"))

    assert answer(toy_gguf_tools, request).tool_calls == ()


def test_tool_result_is_taken_as_a_turn(toy_gguf: Path) -> None:
    messages = (
        Message("system", "Be brief."),
        Message("user", (TextPart("What time"), TextPart(" is it?"))),
        Message("assistant", tool_calls=(ToolCall("call_1", "get_time", "{}"),)),
        Message("tool", "Noon.", tool_call_id="call_1"),
    )

    assert answer(toy_gguf, ChatRequest(messages=messages, tools=(TIME_TOOL,))).text


def test_image_is_refused(toy_gguf: Path) -> None:
    message = Message("user", (ImagePart("aGVsbG8=", "image/png"),))

    with pytest.raises(UnsupportedFeature, match="images"):
        answer(toy_gguf, ChatRequest(messages=(message,)))


@pytest.mark.parametrize(
    "request_of", [asking, lambda text: ChatRequest(prompt=text)], ids=["chat", "prompt"]
)
def test_prompt_that_is_too_long_is_refused(toy_gguf: Path, request_of: Callable[[str], ChatRequest]) -> None:
    with pytest.raises(ContextLengthExceeded, match="exceeds the available context size"):
        answer(toy_gguf, request_of("x" * 600), options={"context_size": 512})


def test_answer_ends_with_the_context(toy_gguf_endless: Path) -> None:
    result = answer(toy_gguf_endless, asking(), options={"context_size": 512})

    assert result.finish_reason is FinishReason.LENGTH
    assert result.usage is not None
    assert result.usage.total_tokens == 512


def test_schema_that_is_none_is_refused(toy_gguf: Path) -> None:
    wanted = ResponseFormat("json_schema", schema={"type": "nonsense"})

    with pytest.raises(RequestError, match="nonsense"):
        answer(toy_gguf, replace(asking(), response_format=wanted))


def test_value_that_is_no_json_is_refused(toy_gguf: Path) -> None:
    with pytest.raises(RequestError, match="JSON"):
        answer(toy_gguf, replace(asking(), tools=(Tool("odd", parameters={"type": {1, 2}}),)))


def test_requests_that_exceed_the_context_together_wait_for_each_other(toy_gguf_endless: Path) -> None:
    async def ask_all() -> list[ChatResult]:
        async with local_backend(toy_gguf_endless, options={"context_size": 1024}) as backend:
            requests = [asking("x" * 100 * (index % 3), max_tokens=400) for index in range(12)]
            return await asyncio.gather(*(backend.complete(request) for request in requests))

    results = run_async(ask_all())

    assert [result.finish_reason for result in results] == [FinishReason.LENGTH] * 12


def test_requests_that_follow_one_that_filled_the_context_find_room(toy_gguf_endless: Path) -> None:
    """The slot that is full of the first one's tokens must be free of them before the others need room."""

    async def ask_all() -> list[ChatResult]:
        async with local_backend(toy_gguf_endless, options={"context_size": 2048}) as backend:
            filling, similar, other = "x" * 400, "x" * 401, "y" * 400
            results = []
            for _ in range(5):
                results.append(await backend.complete(asking(filling)))
                requests = [asking(text, max_tokens=20) for text in (similar, other)]
                results += await asyncio.gather(*(backend.complete(request) for request in requests))
            return results

    results = run_async(ask_all())

    assert [result.finish_reason for result in results] == [FinishReason.LENGTH] * 15


def test_model_answers_on_several_event_loops(toy_gguf: Path) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(answer(toy_gguf, asking(seed=1)).text)) for _ in range(3)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(texts) == 3
    assert len(set(texts)) == 1
