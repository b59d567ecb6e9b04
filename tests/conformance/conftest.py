"""The servers that the judges ask, one of each for a whole run."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

from scripts.make_toy_gguf import write_toy_gguf
from tests.conformance.installation import Served, serving
from tests.llama_server import running_llama_server


@pytest.fixture(scope="session")
def dummy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose answers are made of rules."""
    with serving(tmp_path_factory.mktemp("dummy"), LLM_PROVIDER="dummy") as served:
        yield served


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose answers come from llama.cpp, with a real if senseless model that likes to call tools."""
    folder = tmp_path_factory.mktemp("toy")
    with running_llama_server(write_toy_gguf(folder / "toy.gguf", mode="tools")) as llama:
        variables = {"LLM_PROVIDER": "llama-cpp", "LLM_ENDPOINT": llama.url, "LLM_MODEL": llama.model}
        with serving(folder, **variables, LLM_MAX_TOKENS="256") as served:
            yield served


@pytest.fixture(scope="session")
def client(dummy: Served) -> Iterator[openai.OpenAI]:
    with openai_client(dummy) as client:
        yield client


@pytest.fixture(scope="session")
def toy_client(toy: Served) -> Iterator[openai.OpenAI]:
    with openai_client(toy) as client:
        yield client


@pytest.fixture(scope="session")
def claude_client(dummy: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic_client(dummy) as client:
        yield client


@pytest.fixture(scope="session")
def claude_toy_client(toy: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic_client(toy) as client:
        yield client


def openai_client(served: Served) -> openai.OpenAI:
    """Strict: an answer that is not exactly as OpenAI's schema has it is an exception."""
    return openai.OpenAI(
        base_url=served.openai_url,
        api_key=served.key,
        max_retries=0,
        timeout=30,
        _strict_response_validation=True,
    )


def anthropic_client(served: Served) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=served.url,
        api_key=served.key,
        max_retries=0,
        timeout=30,
        _strict_response_validation=True,
    )
