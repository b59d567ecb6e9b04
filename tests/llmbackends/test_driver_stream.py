"""A streamed answer over HTTP: chunks as they come, and each way in which a stream can fail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmbackends.base import ChatBackend
from llmbackends.errors import (
    AuthenticationFailed,
    BackendError,
    BackendFailed,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    ConnectionLost,
    RateLimited,
    StreamCut,
)
from llmbackends.secret import Secret
from llmbackends.types import ChatChunk, FinishReason, TokenUsage
from tests.asyncio_support import run_async

from . import faults
from .backends import HELLO, backend_with, collect
from .fault_server import Fault, FaultServer, wait_until
from .provider_servers import (
    COMPLETION_TOKENS,
    GENERIC_OPTIONS,
    PIECES,
    PROMPT_TOKENS,
    SERVICES,
    TEXT,
    openai,
)

KEY = "sk-a-key-that-nobody-may-see"
DONE = "data: [DONE]\n\n"
NOT_STREAMING = {name: value for name, value in GENERIC_OPTIONS.items() if not name.startswith("stream_")}


def data(text: str) -> str:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n"


async def failure(*answers: Fault, **changes: Any) -> tuple[list[str], BackendError, FaultServer]:
    """The texts that came, and the error that ended them."""
    texts: list[str] = []
    async with backend_with(*answers, **changes) as (backend, server):
        with pytest.raises(BackendError) as caught:
            await read_into(texts, backend)
        return texts, caught.value, server


async def read_into(texts: list[str], backend: ChatBackend) -> None:
    async with backend.stream(HELLO) as chunks:
        async for chunk in chunks:
            texts.append(chunk.text)


# Streams that go well


def test_chunks_come_as_they_are_sent() -> None:
    async def scenario() -> list[ChatChunk]:
        async with backend_with(openai) as (backend, _):
            return await collect(backend)

    chunks = run_async(scenario())

    assert [chunk.text for chunk in chunks if chunk.text] == list(PIECES)
    assert chunks[-1].finish_reason is FinishReason.STOP
    assert chunks[-1].usage == TokenUsage(PROMPT_TOKENS, COMPLETION_TOKENS)


def test_first_chunk_is_there_before_the_rest_was_sent() -> None:
    async def scenario() -> str:
        fault = faults.stalled_stream(data("first"))
        async with backend_with(fault) as (backend, _), backend.stream(HELLO) as chunks:
            return (await anext(chunks)).text

    assert run_async(scenario(), timeout_s=5) == "first"


def test_stream_of_a_service_that_does_not_stream_is_one_chunk() -> None:
    async def scenario() -> list[ChatChunk]:
        fault = SERVICES["http-generic"].play
        async with backend_with(fault, provider_id="http-generic", options=NOT_STREAMING) as (backend, _):
            return await collect(backend)

    assert run_async(scenario()) == [
        ChatChunk(TEXT, finish_reason=FinishReason.STOP, usage=TokenUsage(PROMPT_TOKENS, COMPLETION_TOKENS))
    ]


def test_stream_is_the_last_call_on_its_connection() -> None:
    """Though this service would keep it: llama.cpp's promises that as well, and closes it all the same."""

    async def scenario() -> FaultServer:
        async with backend_with(openai) as (backend, server):
            await collect(backend)
            await backend.complete(HELLO)
            await backend.complete(HELLO)
            return server

    stream, plain, again = run_async(scenario()).requests

    assert stream.headers["connection"] == "close"
    assert plain.connection is not stream.connection
    assert again.connection is plain.connection


def test_stream_ends_at_its_end_marker_though_the_connection_goes_on() -> None:
    async def scenario() -> str:
        stop = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
        fault = faults.stalled_stream(data("all"), stop, DONE)
        async with backend_with(fault) as (backend, server):
            text = "".join(chunk.text for chunk in await collect(backend))
            await wait_until(lambda: server.open_connections == 0)
            return text

    assert run_async(scenario(), timeout_s=5) == "all"


# Streams that fail before their first chunk


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.answer(401, {}), AuthenticationFailed),
        (faults.answer(500, {}), BackendFailed),
        (faults.answer(503, {}), BackendUnavailable),
        (faults.answer(529, {}), BackendUnavailable),
        (faults.answer(429, {}), RateLimited),
        (faults.close_before_answer, ConnectionLost),
        (faults.reset_after_headers, ConnectionLost),
        (faults.answer(200, {"choices": []}), StreamCut),
        (faults.events(), StreamCut),
        (faults.events("data: {not json\n\n"), BadAnswer),
        (faults.events(b"data: \xff\xfe\n\n"), BadAnswer),
        (faults.events('data: {"error": {"message": "boom"}}\n\n'), BackendFailed),
        (faults.malformed_chunk, BadAnswer),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_early_failure_raises_on_entering(fault: Fault, expected: type[BackendError]) -> None:
    async def scenario() -> BackendError:
        async with backend_with(fault) as (backend, _):
            with pytest.raises(BackendError) as caught:
                async with backend.stream(HELLO):
                    pytest.fail("The stream was entered.")
            return caught.value

    assert type(run_async(scenario(), timeout_s=5)) is expected


@pytest.mark.parametrize(
    "early",
    [
        faults.answer(503, {}, retry_after="0"),
        faults.events('data: {"error": {"message": "overloaded", "code": 529}}\n\n'),
    ],
)
def test_early_failure_is_tried_again(early: Fault) -> None:
    async def scenario() -> tuple[str, int]:
        async with backend_with(early, openai, max_retries=1) as (backend, server):
            text = "".join(chunk.text for chunk in await collect(backend))
            return text, len(server.requests)

    assert run_async(scenario()) == (TEXT, 2)


def test_no_first_chunk_until_the_deadline_is_a_timeout() -> None:
    _, error, _ = run_async(failure(faults.stalled_stream(": comment\n\n"), timeout_s=0.3), timeout_s=5)

    assert type(error) is BackendTimeout


# Streams that fail later


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.cut_stream(data("a"), data("b")), ConnectionLost),
        (faults.events(data("a"), data("b")), StreamCut),
        (faults.events(data("a"), data("b"), "data: {oops\n\n"), BadAnswer),
        (faults.events(data("a"), data("b"), 'data: {"error": {"message": "boom"}}\n\n'), BackendFailed),
        (faults.events(data("a") + data("b") + 'data: {"error": {"message": "boom"}}\n\n'), BackendFailed),
    ],
    ids=["cut", "no-end-marker", "malformed", "error-event", "all-in-one-piece"],
)
def test_late_failure_comes_after_the_chunks_before_it(fault: Fault, expected: type[BackendError]) -> None:
    texts, error, server = run_async(failure(fault, max_retries=2))

    assert "".join(texts) == "ab"
    assert type(error) is expected
    assert len(server.requests) == 1


def test_silence_within_a_stream_is_a_timeout() -> None:
    fault = faults.stalled_stream(data("a"))

    texts, error, _ = run_async(failure(fault, idle_timeout_s=0.2), timeout_s=5)

    assert texts == ["a"]
    assert type(error) is BackendTimeout


def test_deadline_ends_a_stream_that_never_falls_silent() -> None:
    fault = faults.events(*(data("a") for _ in range(1000)), pause_s=0.02)

    texts, error, _ = run_async(failure(fault, timeout_s=0.5), timeout_s=5)

    assert len(texts) > 1
    assert type(error) is BackendTimeout


@pytest.mark.parametrize("told_before", ["", "x" * 970], ids=["whole", "cut"])
def test_key_in_an_error_event_is_masked(told_before: str) -> None:
    fault = faults.events(data("a"), f'data: {{"error": {{"message": "{told_before} bad key {KEY}"}}}}\n\n')

    _, error, _ = run_async(failure(fault, api_key=Secret(KEY)))

    assert "bad key" in error.message
    assert KEY[:8] not in error.message + repr(error)


# Leaving


def test_leaving_early_closes_upstream_at_once() -> None:
    async def scenario() -> float:
        async with backend_with(faults.stalled_stream(data("a"))) as (backend, server):
            async with backend.stream(HELLO) as chunks:
                await anext(chunks)
            left_at = asyncio.get_running_loop().time()
            return await seconds_to_close(server, since=left_at)

    assert run_async(scenario()) < 1


def test_cancelling_a_stream_closes_upstream_at_once() -> None:
    async def scenario() -> float:
        async with backend_with(faults.stalled_stream(data("a"))) as (backend, server):
            task = asyncio.ensure_future(collect(backend))
            await wait_until(lambda: len(server.requests) == 1)
            await asyncio.sleep(0.05)
            cancelled_at = asyncio.get_running_loop().time()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            return await seconds_to_close(server, since=cancelled_at)

    assert run_async(scenario()) < 1


def test_exception_of_the_reader_closes_upstream_and_passes_through() -> None:
    async def scenario() -> float:
        async with backend_with(faults.stalled_stream(data("a"))) as (backend, server):
            with pytest.raises(ZeroDivisionError):
                async with backend.stream(HELLO):
                    raise ZeroDivisionError
            return await seconds_to_close(server, since=asyncio.get_running_loop().time())

    assert run_async(scenario()) < 1


async def seconds_to_close(server: FaultServer, *, since: float) -> float:
    connection = server.connections[0]
    await wait_until(lambda: connection.closed_by_client_at is not None)
    return (connection.closed_by_client_at or 0) - since
