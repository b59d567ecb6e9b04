"""The numbers that the backend without a model makes up."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import pytest

from llmbackends.errors import BackendError, BackendTimeout, BadAnswer
from llmbackends.types import ChatRequest, EmbeddingRequest, EmbeddingResult, Message, Sampling
from tests.asyncio_support import run_async

from .dummy_support import answer, dummy

REQUEST = ChatRequest((Message("user", "Tell me about rivers"),), top_logprobs=3)
TEXTS = EmbeddingRequest(("a river", "a lake", ""))


def embed(request: EmbeddingRequest = TEXTS, **options: object) -> EmbeddingResult:
    async def ask() -> EmbeddingResult:
        async with dummy(**options) as backend:
            return await backend.embed(request)

    return run_async(ask())


def test_each_token_has_its_logprob_and_the_likeliest_first() -> None:
    result = answer(REQUEST)

    assert "".join(each.chosen.token for each in result.logprobs) == result.text
    for each in result.logprobs:
        logprobs = [token.logprob for token in each.top]
        assert each.top[0] == each.chosen
        assert len({token.token for token in each.top}) == 3
        assert logprobs == sorted(logprobs, reverse=True)
        assert sum(map(math.exp, logprobs)) <= 1
        assert each.chosen.utf8 == each.chosen.token.encode()


def test_same_request_gets_the_same_logprobs_cut_by_max_tokens() -> None:
    short = replace(REQUEST, sampling=Sampling(max_tokens=2))

    assert answer(short).logprobs == answer(short).logprobs
    assert len(answer(short).logprobs) == 2


def test_no_logprobs_come_unasked() -> None:
    assert answer(replace(REQUEST, top_logprobs=None)).logprobs == ()


def test_no_likely_tokens_come_where_none_are_asked_for() -> None:
    logprobs = answer(replace(REQUEST, top_logprobs=0)).logprobs

    assert logprobs
    assert [each.top for each in logprobs] == [()] * len(logprobs)


def test_vectors_have_length_one_and_tell_texts_apart() -> None:
    result = embed()

    assert [len(vector) for vector in result.vectors] == [16, 16, 16]
    assert [math.hypot(*vector) for vector in result.vectors] == pytest.approx([1.0, 1.0, 1.0])
    assert len(set(result.vectors)) == 3
    assert result.prompt_tokens == 5


@pytest.mark.parametrize("dimensions", [1, 8, 3000])
def test_vectors_have_the_dimensions_asked_for(dimensions: int) -> None:
    [vector] = embed(EmbeddingRequest(("a river",), dimensions)).vectors

    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1.0)


def test_vectors_are_the_same_in_every_process() -> None:
    code = (
        "from llmbackends.dummy_numbers import embedding_result\n"
        "from llmbackends.types import EmbeddingRequest\n"
        "print(embedding_result(EmbeddingRequest(('a river',)), 1).vectors[0])"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.strip() == repr(embed().vectors[0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"fail": "bad_answer"}, BadAnswer), ({"delay_s": 30, "timeout_s": 0.1}, BackendTimeout)],
)
def test_embed_fails_as_answers_do(options: dict[str, object], expected: type[BackendError]) -> None:
    with pytest.raises(expected):
        embed(**options)
