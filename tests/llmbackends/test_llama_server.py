"""The providers that speak OpenAI's language, against a real llama.cpp server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmbackends.base import ChatBackend
from llmbackends.errors import AuthenticationFailed, BackendUnavailable, ContextLengthExceeded
from llmbackends.secret import Secret
from llmbackends.types import (
    ChatRequest,
    ChatResult,
    FinishReason,
    Message,
    ResponseFormat,
    Sampling,
    ToolCall,
    ToolChoice,
)
from tests.asyncio_support import run_async
from tests.llama_server import LlamaServer, running_llama_server

from .backends import backend_for, collect, llama_spec
from .local_support import CITY_TOOL, TIME_TOOL, asking

KEY = "sesame-open"


pytestmark = pytest.mark.xdist_group("llama-server")  # one of each is enough


@pytest.fixture(scope="module")
def words(toy_gguf: Path) -> Iterator[LlamaServer]:
    with running_llama_server(toy_gguf, api_key=KEY) as server:
        yield server


@pytest.fixture(scope="module")
def tools(toy_gguf_tools: Path) -> Iterator[LlamaServer]:
    with running_llama_server(toy_gguf_tools) as server:
        yield server


@pytest.fixture(scope="module")
def endless(toy_gguf_endless: Path) -> Iterator[LlamaServer]:
    with running_llama_server(toy_gguf_endless, context_size=32768) as server:
        yield server


@pytest.fixture(params=["llama-cpp", "vllm"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def answer(provider: str, server: LlamaServer, request: ChatRequest, **changes: Any) -> ChatResult:
    async def ask() -> ChatResult:
        async with backend_for(llama_spec(provider, server, **changes)) as backend:
            return await backend.complete(request)

    return run_async(ask())


def test_complete_answers_in_words(provider: str, words: LlamaServer) -> None:
    result = answer(provider, words, asking(), api_key=Secret(KEY))

    assert result.text.endswith(".")
    assert result.finish_reason is FinishReason.STOP
    assert result.usage is not None
    assert result.usage.prompt_tokens > 10
    assert result.usage.completion_tokens >= 4


def test_complete_obeys_the_sampling_parameters(provider: str, words: LlamaServer) -> None:
    sampling = Sampling(
        temperature=0.5, top_p=0.9, top_k=20, min_p=0.1, presence_penalty=0.1, frequency_penalty=0.1,
        repeat_penalty=1.1, seed=4, max_tokens=3, stop=("nowhere",),
    )  # fmt: skip
    request = replace(asking(), sampling=sampling)

    first, again = (answer(provider, words, request, api_key=Secret(KEY)) for _ in range(2))

    assert first.finish_reason is FinishReason.LENGTH
    assert first.text == again.text


def test_stream_gives_what_complete_gives(provider: str, words: LlamaServer) -> None:
    async def ask() -> tuple[list[Any], ChatResult]:
        async with backend_for(llama_spec(provider, words, api_key=Secret(KEY))) as backend:
            return await collect(backend, asking(seed=2)), await backend.complete(asking(seed=2))

    (*pieces, last), whole = run_async(ask())

    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == whole.text
    assert (last.finish_reason, last.usage) == (whole.finish_reason, whole.usage)


def test_generate_goes_on_with_the_prompt(provider: str, words: LlamaServer) -> None:
    async def ask() -> str:
        async with backend_for(llama_spec(provider, words, api_key=Secret(KEY))) as backend:
            return await backend.generate("The words are")

    assert run_async(ask()).startswith(" real")


def test_prompt_streams(provider: str, words: LlamaServer) -> None:
    async def ask() -> list[Any]:
        async with backend_for(llama_spec(provider, words, api_key=Secret(KEY))) as backend:
            return await collect(backend, ChatRequest(prompt="The words are", sampling=Sampling(seed=1)))

    *pieces, last = run_async(ask())

    assert "".join(piece.text for piece in pieces).startswith(" real")
    assert last.finish_reason is FinishReason.STOP


def test_tool_is_called(provider: str, tools: LlamaServer) -> None:
    request = replace(asking(), tools=(CITY_TOOL,), tool_choice=ToolChoice("required"))

    result = answer(provider, tools, request)

    assert result.finish_reason is FinishReason.TOOL_CALLS
    (call,) = result.tool_calls
    assert call.name == "get_weather"
    assert json.loads(call.arguments).keys() == {"city", "days"}


@pytest.mark.parametrize("tool", [CITY_TOOL, TIME_TOOL], ids=lambda tool: tool.name)
def test_tool_choice_by_name_calls_that_tool(tools: LlamaServer, tool: Any) -> None:
    """Only with the llama.cpp row: its server reads no names, while a real vLLM does."""
    choice = ToolChoice("named", tool.name)
    requests = [
        replace(asking(seed=seed), tools=(CITY_TOOL, TIME_TOOL), tool_choice=choice) for seed in range(8)
    ]

    called = {answer("llama-cpp", tools, request).tool_calls[0].name for request in requests}

    assert called == {tool.name}


def test_streamed_tool_call_is_the_same(provider: str, tools: LlamaServer) -> None:
    request = replace(asking(seed=5), tools=(CITY_TOOL,))

    async def ask() -> tuple[ToolCall, str, str]:
        async with backend_for(llama_spec(provider, tools)) as backend:
            (whole,) = (await backend.complete(request)).tool_calls
            deltas = [delta for chunk in await collect(backend, request) for delta in chunk.tool_calls]
            return whole, deltas[0].name or "", "".join(delta.arguments for delta in deltas)

    whole, name, arguments = run_async(ask())

    assert (whole.name, whole.arguments) == (name, arguments)


def test_tool_result_is_taken_as_a_turn(provider: str, words: LlamaServer) -> None:
    messages = (
        Message("user", "What time is it?"),
        Message("assistant", tool_calls=(ToolCall("call_1", "get_time", "{}"),)),
        Message("tool", "Noon.", tool_call_id="call_1"),
    )

    result = answer(provider, words, ChatRequest(messages, tools=(TIME_TOOL,)), api_key=Secret(KEY))

    assert result.text


def test_json_schema_shapes_the_answer(provider: str, words: LlamaServer) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}},
        "required": ["title", "stars"],
        "additionalProperties": False,
    }
    request = replace(asking(max_tokens=400), response_format=ResponseFormat("json_schema", schema=schema))

    value = json.loads(answer(provider, words, request, api_key=Secret(KEY)).text)

    assert value.keys() == {"title", "stars"}


def test_cancelling_stops_the_server(provider: str, endless: LlamaServer) -> None:
    """Four endless answers take all its slots, so a fifth comes soon only if they stop when cancelled."""

    async def scenario() -> float:
        async with backend_for(llama_spec(provider, endless)) as backend:
            await asyncio.gather(*(cancel_in_mid_stream(backend) for _ in range(4)))
            started_at = time.monotonic()
            await backend.complete(asking(max_tokens=2))
            return time.monotonic() - started_at

    assert run_async(scenario()) < 3


async def cancel_in_mid_stream(backend: ChatBackend) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with backend.stream(asking()) as chunks:
            async for _ in chunks:
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_prompt_that_is_too_long_is_refused(provider: str, words: LlamaServer) -> None:
    with pytest.raises(ContextLengthExceeded):
        answer(provider, words, asking("x" * 5000), api_key=Secret(KEY))


def test_wrong_key_is_refused(provider: str, words: LlamaServer) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        answer(provider, words, asking(), api_key=Secret("sesame-shut"))

    assert "sesame-shut" not in str(caught.value)


def test_check_and_list_models(provider: str, words: LlamaServer) -> None:
    async def look_up() -> tuple[str, tuple[str, ...]]:
        async with backend_for(llama_spec(provider, words, api_key=Secret(KEY))) as backend:
            return (await backend.check()).detail, await backend.list_models()

    detail, models = run_async(look_up())

    assert "answers" in detail
    assert models == (words.model,)


def test_check_of_a_server_that_is_gone_fails(provider: str, toy_gguf: Path) -> None:
    with running_llama_server(toy_gguf) as gone:
        pass

    async def check() -> None:
        async with backend_for(llama_spec(provider, gone)) as backend:
            await backend.check()

    with pytest.raises(BackendUnavailable):
        run_async(check())
