"""Giving up: the model must be free for the next request soon. Each of these requests may need the whole
context, so the next one begins only when the model has let go of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from llmbackends.base import ChatBackend
from llmbackends.errors import BackendTimeout
from llmbackends.types import ChatRequest, FinishReason
from tests.asyncio_support import run_async

from .local_support import asking, local_backend

ENDLESS = asking()
LONG_CONTEXT = {"context_size": 32768}
SOON_S = 5.0
"""Far less than the endless answer would take, and far more than a busy machine needs."""


async def next_answer_s(backend: ChatBackend) -> float:
    started_at = time.monotonic()
    result = await backend.complete(asking(max_tokens=2))
    assert result.finish_reason is FinishReason.LENGTH
    return time.monotonic() - started_at


async def leave_stream(backend: ChatBackend) -> None:
    async with backend.stream(ENDLESS) as chunks:
        await anext(chunks)


async def cancel_stream(backend: ChatBackend) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with backend.stream(ENDLESS) as chunks:
            async for _ in chunks:
                begun.set()

    await cancel_once(begun.wait, read())


async def cancel_complete(backend: ChatBackend) -> None:
    await cancel_once(lambda: asyncio.sleep(0.3), backend.complete(ENDLESS))


async def cancel_waiting(backend: ChatBackend) -> None:
    async with backend.stream(ENDLESS) as chunks:
        await anext(chunks)
        await cancel_once(lambda: asyncio.sleep(0.1), backend.complete(ENDLESS))


async def cancel_once(condition: Callable[[], Awaitable[object]], work: Awaitable[object]) -> None:
    task = asyncio.ensure_future(work)
    await condition()
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("give_up", [leave_stream, cancel_stream, cancel_complete, cancel_waiting])
def test_giving_up_frees_the_model(
    toy_gguf_endless: Path, give_up: Callable[[ChatBackend], Awaitable[None]]
) -> None:
    async def scenario() -> float:
        async with local_backend(toy_gguf_endless, options=LONG_CONTEXT) as backend:
            await next_answer_s(backend)
            await give_up(backend)
            return await next_answer_s(backend)

    assert run_async(scenario()) < SOON_S


def test_giving_up_while_the_prompt_is_read_frees_the_model(toy_gguf_slow: Path) -> None:
    async def scenario() -> tuple[float, float]:
        async with local_backend(toy_gguf_slow) as backend:
            await next_answer_s(backend)
            await cancel_once(lambda: asyncio.sleep(0.2), backend.complete(asking("x" * 3500)))
            after_cancel_s = await next_answer_s(backend)
            started_at = time.monotonic()
            await backend.complete(asking("y" * 3500, max_tokens=1))
            return after_cancel_s, time.monotonic() - started_at

    after_cancel_s, uncancelled_s = run_async(scenario(), timeout_s=100)

    assert after_cancel_s < uncancelled_s / 2


@pytest.mark.parametrize("request_", [ENDLESS, ChatRequest(prompt="The")], ids=["chat", "prompt"])
def test_deadline_ends_the_answer(toy_gguf_endless: Path, request_: ChatRequest) -> None:
    async def scenario() -> None:
        async with local_backend(toy_gguf_endless, options=LONG_CONTEXT) as warm:
            await next_answer_s(warm)
            async with local_backend(toy_gguf_endless, options=LONG_CONTEXT, timeout_s=0.5) as backend:
                with pytest.raises(BackendTimeout, match=r"more than 0\.5 s") as caught:
                    await backend.complete(request_)
                assert caught.value.processed
            assert await next_answer_s(warm) < SOON_S

    run_async(scenario())


def test_deadline_covers_loading(toy_gguf: Path) -> None:
    async def scenario() -> None:
        async with local_backend(toy_gguf, timeout_s=0.001) as backend:
            with pytest.raises(BackendTimeout, match="Loading the model") as caught:
                await backend.complete(asking())
            assert not caught.value.processed

    run_async(scenario())


def test_model_goes_on_loading_when_its_first_request_gives_up(toy_gguf: Path) -> None:
    async def scenario() -> str:
        async with local_backend(toy_gguf, timeout_s=20) as backend:
            await cancel_once(lambda: asyncio.sleep(0), backend.complete(asking()))
            return (await backend.complete(asking())).text

    assert run_async(scenario())
