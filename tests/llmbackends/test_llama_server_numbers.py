"""Logprobs and embeddings of a real llama.cpp server, by the providers that speak its language."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from llmbackends.errors import BackendError, UnsupportedFeature
from llmbackends.types import ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult, Sampling
from tests.asyncio_support import run_async
from tests.llama_server import LlamaServer, running_llama_server

from .backends import backend_for, collect, collected, llama_spec
from .local_support import asking

CHAT = asking(max_tokens=4, seed=1)
PROMPT = ChatRequest(prompt="It", sampling=Sampling(max_tokens=4, seed=1))


pytestmark = pytest.mark.xdist_group("llama-server")  # one of each is enough


@pytest.fixture(scope="module")
def words(toy_gguf: Path) -> Iterator[LlamaServer]:
    with running_llama_server(toy_gguf) as server:
        yield server


@pytest.fixture(scope="module")
def embedder(toy_gguf: Path) -> Iterator[LlamaServer]:
    with running_llama_server(toy_gguf, embeddings=True) as server:
        yield server


@pytest.fixture(params=["llama-cpp", "vllm"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("request_", [CHAT, PROMPT], ids=["chat", "prompt"])
@pytest.mark.parametrize("top", [0, 1, 3])
def test_each_token_has_its_logprob_and_the_likeliest_beside_it(
    provider: str, words: LlamaServer, request_: ChatRequest, top: int
) -> None:
    async def ask() -> tuple[ChatResult, ChatResult]:
        request = replace(request_, top_logprobs=top)
        async with backend_for(llama_spec(provider, words)) as backend:
            return await backend.complete(request), collected(await collect(backend, request))

    whole, streamed = run_async(ask())

    for result in (whole, streamed):
        assert "".join(each.chosen.token for each in result.logprobs) == result.text
        assert b"".join(each.chosen.utf8 or b"" for each in result.logprobs) == result.text.encode()
        assert [len(each.top) for each in result.logprobs] == [top] * 4
        tops = [[token.logprob for token in each.top] for each in result.logprobs]
        assert tops == [sorted(each, reverse=True) for each in tops]
        assert all(-9999 <= each.chosen.logprob <= 0 for each in result.logprobs)


def test_no_logprobs_come_unasked(provider: str, words: LlamaServer) -> None:
    async def ask() -> ChatResult:
        async with backend_for(llama_spec(provider, words)) as backend:
            return await backend.complete(CHAT)

    assert run_async(ask()).logprobs == ()


def embed(provider: str, server: LlamaServer, request: EmbeddingRequest) -> EmbeddingResult:
    async def ask() -> EmbeddingResult:
        async with backend_for(llama_spec(provider, server)) as backend:
            return await backend.embed(request)

    return run_async(ask())


def test_embed_gives_each_text_its_vector(provider: str, embedder: LlamaServer) -> None:
    texts = ("The toy answers.", "Nothing that a client means.", "The toy answers.")

    result = embed(provider, embedder, EmbeddingRequest(texts))

    first, second, third = result.vectors
    assert math.hypot(*first) == pytest.approx(1, abs=1e-3)
    assert first == pytest.approx(third, abs=1e-3)
    assert math.dist(first, second) > 0.01
    assert (result.prompt_tokens or 0) > 6


def test_dimensions_that_the_server_reads_over_are_unsupported(provider: str, embedder: LlamaServer) -> None:
    with pytest.raises(UnsupportedFeature, match="not 3"):
        embed(provider, embedder, EmbeddingRequest(("a",), 3))


def test_server_that_makes_no_embeddings_is_an_error_with_its_reason(
    provider: str, words: LlamaServer
) -> None:
    with pytest.raises(BackendError, match="does not support embeddings"):
        embed(provider, words, EmbeddingRequest(("a",)))
