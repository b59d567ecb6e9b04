"""Backends for tests, built the way the product builds them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from llmbackends import registry
from llmbackends.base import ChatBackend
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatChunk, ChatRequest, ChatResult, ChunkCollector, Message, Sampling
from tests.llama_server import LlamaServer

from .fault_server import Fault, FaultServer
from .provider_servers import MODEL, SERVICES

HELLO = ChatRequest(messages=(Message("user", "Hello"),), sampling=Sampling(max_tokens=16))


def spec_for(provider_id: str, url: str, **changes: Any) -> BackendSpec:
    service = SERVICES[provider_id]
    given: dict[str, Any] = {
        "model": MODEL,
        "endpoint_url": url,
        "api_key": Secret(service.key),
        "options": service.options,
        "timeout_s": 10.0,
        "max_retries": 0,
    }
    return BackendSpec(provider=provider_id, **{**given, **changes})


def llama_spec(provider: str, server: LlamaServer, **changes: Any) -> BackendSpec:
    """Of a provider that speaks the language of a llama.cpp server."""
    given = {"model": server.model, "endpoint_url": server.url, "max_retries": 0, "timeout_s": 20.0}
    return BackendSpec(**{"provider": provider, **given, **changes})


@asynccontextmanager
async def backend_for(spec: BackendSpec) -> AsyncIterator[ChatBackend]:
    backend = registry.build(spec)
    try:
        yield backend
    finally:
        await backend.aclose()


@asynccontextmanager
async def backend_with(
    *answers: Fault, provider_id: str = "llama-cpp", **changes: Any
) -> AsyncIterator[tuple[ChatBackend, FaultServer]]:
    """A backend and the server it speaks to, which plays `answers`."""
    async with (
        FaultServer(*answers) as server,
        backend_for(spec_for(provider_id, server.url, **changes)) as backend,
    ):
        yield backend, server


async def collect(backend: ChatBackend, request: ChatRequest = HELLO) -> list[ChatChunk]:
    async with backend.stream(request) as chunks:
        return [chunk async for chunk in chunks]


def collected(chunks: list[ChatChunk]) -> ChatResult:
    collector = ChunkCollector()
    for chunk in chunks:
        collector.add(chunk)
    return collector.result()
