"""Texts to vectors, in the languages that have embeddings."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendFailed, BadAnswer, UnsupportedFeature
from llmbackends.types import EmbeddingRequest, EmbeddingResult
from llmbackends.wire import EmbeddingWire, load, ollama, openai_chat

TWO = EmbeddingRequest(("one", "two"))


def openai(*rows: Any, request: EmbeddingRequest = TWO, **more: Any) -> EmbeddingResult:
    return openai_chat.decode_embeddings({"data": list(rows), **more}, request=request, options={})


def row(index: Any, *numbers: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": list(numbers)}


def test_openai_request_has_the_texts_and_wants_floats() -> None:
    assert openai_chat.encode_embeddings(TWO, model="m", options={}) == {
        "model": "m",
        "input": ["one", "two"],
        "encoding_format": "float",
    }


def test_openai_request_has_the_dimensions_asked_for() -> None:
    body = openai_chat.encode_embeddings(EmbeddingRequest(("one",), 8), model="m", options={})

    assert body["dimensions"] == 8


def test_openai_vectors_are_sorted_by_index() -> None:
    usage = {"prompt_tokens": 4, "total_tokens": 4}

    result = openai(row(1, 0.5, 2), row(0, -1.0, 0.0), usage=usage)

    assert result == EmbeddingResult(((-1.0, 0.0), (0.5, 2.0)), 4)


def test_openai_vectors_without_index_are_in_order_and_without_usage_uncounted() -> None:
    result = openai({"embedding": [1.0]}, {"embedding": [2.0]})

    assert result == EmbeddingResult(((1.0,), (2.0,)), None)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(0, 1.0)],
        [row(0, 1.0), row(1, 1.0), row(2, 1.0)],
        [row(0, 1.0), row(0, 1.0)],
        [row(0, 1.0), row(2, 1.0)],
        [row(0, 1.0), row(1, 1.0, 2.0)],
        [row(0), row(1)],
        [row(0, 1.0), row(1, "1.0")],
        [row(0, 1.0), row(1, None)],
        [row(0, 1.0), row(1, True)],
        [row(0, 1.0), row(1, float("nan"))],
        [row(0, 1.0), row(1, float("inf"))],
        [row(0, 1.0), row(1, 10**400)],
        [row(0, 1.0), row(1, 3.5e38)],
        [row(0, 1.0), row(1, -(10**39))],
        [row(0, 1.0), {"index": 1, "embedding": "AACAPw=="}],
        [row(0, 1.0), {"index": 1}],
    ],
)
def test_openai_vectors_that_are_not_one_for_each_text_are_a_bad_answer(rows: list[Any]) -> None:
    with pytest.raises(BadAnswer):
        openai(*rows)


def test_error_inside_a_success_is_raised() -> None:
    with pytest.raises(BackendFailed, match="boom"):
        openai(error={"message": "boom"})
    with pytest.raises(BackendFailed, match="boom"):
        ollama.decode_embeddings({"error": "boom"}, request=TWO, options={})


def test_dimensions_that_the_service_read_over_are_unsupported() -> None:
    with pytest.raises(UnsupportedFeature, match="have 2 numbers, not 3"):
        openai(row(0, 1.0, 2.0), request=EmbeddingRequest(("one",), 3))


def test_ollama_request_refuses_to_cut_and_has_the_options_of_the_model() -> None:
    options = {"context_size": 1024, "keep_alive": "-1"}

    body = ollama.encode_embeddings(EmbeddingRequest(("one",), 8), model="m", options=options)

    assert body == {
        "model": "m",
        "input": ["one"],
        "truncate": False,
        "options": {"num_ctx": 1024},
        "keep_alive": -1,
        "dimensions": 8,
    }


def test_ollama_vectors_are_in_order() -> None:
    payload = {"embeddings": [[1, 2.5], [0.0, -1.0]], "prompt_eval_count": 3}

    result = ollama.decode_embeddings(payload, request=TWO, options={})

    assert result == EmbeddingResult(((1.0, 2.5), (0.0, -1.0)), 3)


@pytest.mark.parametrize("payload", [[], {}, {"embeddings": [[1.0]]}, {"embeddings": [[1.0], []]}])
def test_ollama_vectors_that_are_not_one_for_each_text_are_a_bad_answer(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        ollama.decode_embeddings(payload, request=TWO, options={})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("openai_chat", True), ("ollama", True), ("anthropic_messages", False), ("generic_json", False)],
)
def test_language_says_whether_it_has_embeddings(name: str, expected: bool) -> None:
    assert isinstance(load(name), EmbeddingWire) is expected
