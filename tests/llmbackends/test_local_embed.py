"""Embeddings in this process, by a real llama.cpp on toy models."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from llmbackends.errors import BackendTimeout, BackendUnavailable, ContextLengthExceeded, UnsupportedFeature
from llmbackends.types import EmbeddingRequest, EmbeddingResult
from tests.asyncio_support import run_async

from .local_support import asking, local_backend


def embeddings(path: Path, *requests: EmbeddingRequest) -> list[EmbeddingResult]:
    async def scenario() -> list[EmbeddingResult]:
        async with local_backend(path) as backend:
            return list(await asyncio.gather(*map(backend.embed, requests)))

    return run_async(scenario())


def test_embed_gives_vectors_of_length_one_and_counts_tokens(toy_gguf: Path) -> None:
    [result] = embeddings(toy_gguf, EmbeddingRequest(("The toy answers.", "Nothing that a client means.")))

    first, second = result.vectors
    assert math.hypot(*first) == pytest.approx(1, abs=1e-3)
    assert math.dist(first, second) > 0.01
    assert (result.prompt_tokens or 0) > 4


def test_embed_gives_each_text_its_vector_whoever_asks_beside_it(toy_gguf: Path) -> None:
    texts = [f"The toy number {number}." for number in range(8)]

    one_by_one = embeddings(toy_gguf, *(EmbeddingRequest((text,)) for text in texts))
    [together] = embeddings(toy_gguf, EmbeddingRequest(tuple(texts)))

    for alone, vector in zip(one_by_one, together.vectors, strict=True):
        assert alone.vectors[0] == pytest.approx(vector, abs=1e-3)


def test_backend_embeds_and_answers(toy_gguf: Path) -> None:
    async def scenario() -> None:
        async with local_backend(toy_gguf) as backend:
            result, vectors = await asyncio.gather(
                backend.complete(asking()), backend.embed(EmbeddingRequest(("a",)))
            )
            assert result.text
            assert vectors.vectors
            await backend.aclose()
            with pytest.raises(BackendUnavailable):
                await backend.embed(EmbeddingRequest(("a",)))

    run_async(scenario())


def test_text_that_is_too_long_is_refused(toy_gguf: Path) -> None:
    with pytest.raises(ContextLengthExceeded):
        embeddings(toy_gguf, EmbeddingRequest(("the toy " * 2000,)))


def test_dimensions_that_the_model_has_not_are_refused(toy_gguf: Path) -> None:
    with pytest.raises(UnsupportedFeature, match="not 3"):
        embeddings(toy_gguf, EmbeddingRequest(("a",), 3))


def test_embed_ends_at_the_deadline_and_leaves_the_model_usable(toy_gguf_slow: Path) -> None:
    long = EmbeddingRequest(("the toy " * 200,) * 2)  # half a second at the least, and it is read to its end

    async def scenario() -> None:
        async with (
            local_backend(toy_gguf_slow) as patient,
            local_backend(toy_gguf_slow, timeout_s=0.05) as hasty,
        ):
            await patient.embed(EmbeddingRequest(("a",)))  # the model is loaded now
            with pytest.raises(BackendTimeout):
                await hasty.embed(long)
            assert (await patient.embed(EmbeddingRequest(("a",)))).vectors

    run_async(scenario())


def test_event_loop_runs_while_a_model_embeds(toy_gguf_slow: Path) -> None:
    async def scenario() -> int:
        async with local_backend(toy_gguf_slow) as backend:
            await backend.embed(EmbeddingRequest(("a",)))
            task = asyncio.ensure_future(backend.embed(EmbeddingRequest(("the toy " * 200,) * 2)))
            ticks = 0
            while not task.done():
                ticks += 1
                await asyncio.sleep(0.005)
            return ticks

    assert run_async(scenario()) > 5
