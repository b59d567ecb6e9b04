"""Embeddings over HTTP: what is sent, and that it fails as other calls do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from llmbackends.catalog import OPENAI, Provider
from llmbackends.driver import WireBackend
from llmbackends.errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    BadAnswer,
    ConfigurationError,
    ConnectionLost,
    RequestError,
    UnsupportedFeature,
)
from llmbackends.secret import Secret
from llmbackends.types import EmbeddingRequest, EmbeddingResult
from tests.asyncio_support import run_async

from . import faults
from .backends import backend_with, spec_for
from .fault_server import Fault, FaultServer, wait_until
from .provider_servers import PROMPT_TOKENS, SERVICES, openai

KEY = "sk-a-key-that-nobody-may-see"
TEXTS = EmbeddingRequest(("one", "three"))


async def embed(*answers: Fault, **changes: Any) -> tuple[EmbeddingResult, FaultServer]:
    async with backend_with(*answers, **changes) as (backend, server):
        return await backend.embed(TEXTS), server


async def failure(*answers: Fault, **changes: Any) -> tuple[BackendError, FaultServer]:
    async with backend_with(*answers, **changes) as (backend, server):
        with pytest.raises(BackendError) as caught:
            await backend.embed(TEXTS)
        return caught.value, server


@pytest.mark.parametrize(
    ("provider_id", "path"),
    [
        ("openai", "/embeddings"),
        ("openrouter", "/embeddings"),
        ("vllm", "/v1/embeddings"),
        ("llama-cpp", "/v1/embeddings"),
        ("ollama", "/api/embed"),
    ],
)
def test_embed_takes_the_providers_route(provider_id: str, path: str) -> None:
    service = SERVICES[provider_id]

    result, server = run_async(embed(service.play, provider_id=provider_id))

    assert result == EmbeddingResult(((3.0, 3.0, 3.0), (5.0, 5.0, 5.0)), PROMPT_TOKENS)
    assert [(each.method, each.path) for each in server.requests] == [("POST", path)]
    assert server.requests[0].headers.get("authorization", "Bearer ") == f"Bearer {service.key}"


@pytest.mark.parametrize("provider_id", ["groq", "anthropic", "http-generic"])
def test_embed_is_refused_unsent_where_there_are_no_embeddings(provider_id: str) -> None:
    error, server = run_async(failure(openai, provider_id=provider_id))

    assert type(error) is UnsupportedFeature
    assert error.details["unsupported"] == ["embeddings"]
    assert server.connections == []


@pytest.mark.parametrize(
    "row", [replace(OPENAI, embeddings_path=None), replace(OPENAI, wire="anthropic_messages")]
)
def test_row_that_promises_embeddings_without_means_is_a_configuration_error(row: Provider) -> None:
    async def scenario() -> None:
        backend = WireBackend(spec_for("openai", "http://127.0.0.1:9"), row)
        with pytest.raises(ConfigurationError, match="no route or no language"):
            await backend.embed(TEXTS)

    run_async(scenario())


def test_embed_is_tried_again_after_overload() -> None:
    busy = faults.answer(503, {"error": {"message": "loading"}}, retry_after="0")

    result, server = run_async(embed(busy, openai, max_retries=1))

    assert len(result.vectors) == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.answer(401, {"error": {"message": f"Wrong key: {KEY}"}}), AuthenticationFailed),
        (faults.answer(400, {"error": {"message": f"Not with {KEY}"}}), RequestError),
        (faults.answer(200, {"data": []}), BadAnswer),
        (faults.answer(200, {"data": [{"embedding": [KEY]}] * 2}), BadAnswer),
        (faults.answer(200, b"no JSON, but " + KEY.encode()), BadAnswer),
        (faults.half_body, ConnectionLost),
    ],
)
def test_embed_fails_as_other_calls_do_and_shows_no_key(fault: Fault, expected: type[BackendError]) -> None:
    error, server = run_async(failure(fault, api_key=Secret(KEY), max_retries=2))

    assert type(error) is expected
    assert KEY[:8] not in error.message + repr(error) + repr(error.details)
    assert len(server.requests) == 1


def test_embed_ends_at_the_deadline() -> None:
    error, _ = run_async(failure(faults.silence, timeout_s=0.2))

    assert type(error) is BackendTimeout


def test_cancelling_embed_closes_upstream() -> None:
    async def scenario() -> None:
        async with backend_with(faults.silence) as (backend, server):
            task = asyncio.ensure_future(backend.embed(TEXTS))
            await wait_until(lambda: len(server.requests) == 1)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await wait_until(lambda: server.open_connections == 0)

    run_async(scenario())
