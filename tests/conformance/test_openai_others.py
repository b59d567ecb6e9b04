"""OpenAI's own client, strict about every answer, on completions, embeddings and models."""

from __future__ import annotations

import openai
import pytest

from tests.conformance.installation import ALIAS

pytestmark = pytest.mark.processes


@pytest.fixture
def loose_client(client: openai.OpenAI) -> openai.OpenAI:
    return client.with_options(_extra_kwargs={"_strict_response_validation": False})


def test_completion(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=ALIAS, prompt="Once upon a time", max_tokens=50)

    assert (answer.object, answer.model) == ("text_completion", ALIAS)
    assert "Once upon a time" in answer.choices[0].text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None


def test_completion_of_several_prompts(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=ALIAS, prompt=["One", "Two"])

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert "Two" in answer.choices[1].text


def test_completion_stream(loose_client: openai.OpenAI) -> None:
    """Not strict: the client's own type has a finish reason in every chunk, OpenAI's service in the last."""
    chunks = list(loose_client.completions.create(model=ALIAS, prompt="Once upon a time", stream=True))

    assert "Once upon a time" in "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("texts", ["Hello", ["Hello", "world"]])
def test_embeddings_as_numbers_and_as_base64_are_the_same(
    client: openai.OpenAI, loose_client: openai.OpenAI, texts: str | list[str]
) -> None:
    # Without a format the client asks for base64; it decodes that only after its strict look at it.
    packed = loose_client.embeddings.create(model=ALIAS, input=texts)
    numbers = client.embeddings.create(model=ALIAS, input=texts, encoding_format="float")

    assert [item.index for item in packed.data] == list(range(len(numbers.data)))
    for one, other in zip(packed.data, numbers.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, rel=1e-6)
    assert packed.model == ALIAS
    assert packed.usage.total_tokens > 0


def test_embeddings_of_a_chosen_length(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model=ALIAS, input="Hello", dimensions=8, encoding_format="float")

    assert len(answer.data[0].embedding) == 8


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [ALIAS]
    assert client.models.retrieve(ALIAS).id == ALIAS
