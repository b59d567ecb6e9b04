"""The backend without a model, as its tests ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from llmbackends import registry
from llmbackends.base import ChatBackend
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatRequest, ChatResult, Message
from tests.asyncio_support import run_async

REQUEST = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "Tell me about rivers")))


@asynccontextmanager
async def dummy(timeout_s: float = 10, model: str = "", **options: Any) -> AsyncIterator[ChatBackend]:
    backend = registry.build(BackendSpec(provider="dummy", model=model, timeout_s=timeout_s, options=options))
    try:
        yield backend
    finally:
        await backend.aclose()


def answer(request: ChatRequest = REQUEST, **options: Any) -> ChatResult:
    async def ask() -> ChatResult:
        async with dummy(**options) as backend:
            return await backend.complete(request)

    return run_async(ask())
