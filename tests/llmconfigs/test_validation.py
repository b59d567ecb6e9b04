from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ValidationError

from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig

GENERIC = {"body": {"prompt": "{{prompt}}"}, "text_path": "text"}
GENERIC_ROW: dict[str, Any] = {"provider": "http-generic", "options": GENERIC}


def problems(**values: Any) -> dict[str, list[str]]:
    """The form fields that full_clean complains about, with what it says."""
    config = LLMConfig(**({"name": "example", "provider": "dummy"} | values))
    try:
        config.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize(
    "values",
    [
        {"provider": "dummy"},
        {"provider": "ollama", "parameters": {"temperature": 2, "top_p": 1, "max_tokens": 1}},
        {"provider": "ollama", "options": {"context_size": 512, "keep_alive": "5m"}},
        {"provider": "vllm", "endpoint_url": "https://gpu.example.org:8000/base"},
        {"provider": "vllm", "api_key": Secret("sk-12345")},
        {"provider": "anthropic", "api_key": Secret("sk-ant-12345")},
        {"provider": "local-llm", "options": {"model_path": "m.gguf", "threads": 64}},
        GENERIC_ROW | {"endpoint_url": "http://gpu", "model_name": "m"},
    ],
)
def test_valid_configuration_has_no_problems(values: dict[str, Any]) -> None:
    assert problems(**values) == {}


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"provider": "nonesuch"}, "provider", "nonesuch"),
        ({"provider": "groq"}, "api_key", "required"),
        ({"provider": "ollama", "api_key": Secret("sk-12345")}, "api_key", "takes no API key"),
        ({"provider": "anthropic", "api_key": Secret("sk-12345")}, "api_key", "sk-ant-"),
        ({"provider": "vllm", "api_key": Secret("sk 12345")}, "api_key", "character"),
        ({"provider": "vllm", "endpoint_url": "ftp://gpu"}, "endpoint_url", "http://"),
        ({"provider": "vllm", "endpoint_url": "gpu:8000"}, "endpoint_url", "http://"),
        ({"provider": "vllm", "endpoint_url": "http://me:pw@gpu"}, "endpoint_url", "password"),
        ({"provider": "vllm", "endpoint_url": "http://gpu?key=1"}, "endpoint_url", "query"),
        ({"provider": "vllm", "endpoint_url": "http://[gpu"}, "endpoint_url", "URL"),
        (GENERIC_ROW | {"model_name": "m"}, "endpoint_url", "required"),
        (
            GENERIC_ROW | {"endpoint_url": "http://gpu"},
            "model_name",
            "required",
        ),
        ({"provider": "ollama", "parameters": {"temperature": 2.1}}, "parameters", "temperature"),
        ({"provider": "ollama", "parameters": {"temperature": -0.1}}, "parameters", "temperature"),
        ({"provider": "ollama", "parameters": {"temperature": "hot"}}, "parameters", "temperature"),
        ({"provider": "ollama", "parameters": {"max_tokens": 0}}, "parameters", "max_tokens"),
        ({"provider": "ollama", "parameters": {"top_p": 1.5}}, "parameters", "top_p"),
        ({"provider": "ollama", "parameters": {"heat": 1}}, "parameters", "heat"),
        ({"provider": "groq", "api_key": Secret("k"), "parameters": {"top_k": 3}}, "parameters", "top_k"),
        ({"provider": "ollama", "parameters": ["temperature"]}, "parameters", "JSON object"),
        ({"provider": "ollama", "options": "text"}, "options", "JSON object"),
        ({"provider": "ollama", "options": {"context_size": 511}}, "options", "context_size"),
        ({"provider": "ollama", "options": {"context_size": 32769}}, "options", "context_size"),
        ({"provider": "local-llm"}, "options", "model_path"),
        ({"provider": "local-llm", "options": {"model_path": "m", "threads": 65}}, "options", "threads"),
        (
            GENERIC_ROW
            | {"endpoint_url": "http://gpu", "model_name": "m", "options": GENERIC | {"text_path": "a..b"}},
            "options",
            "text_path",
        ),
        ({"timeout_seconds": 9}, "timeout_seconds", "10"),
        ({"timeout_seconds": 601}, "timeout_seconds", "600"),
        ({"timeout_seconds": "soon"}, "timeout_seconds", "soon"),
        ({"max_retries": 11}, "max_retries", "10"),
    ],
)
def test_problem_lands_on_its_field(values: dict[str, Any], field: str, says: str) -> None:
    found = problems(**values)

    assert list(found) == [field]
    assert says in " ".join(found[field])


def test_every_problem_is_told_at_once() -> None:
    found = problems(provider="groq", endpoint_url="ftp://x", parameters={"temperature": 3}, options={"x": 1})

    assert set(found) == {"api_key", "endpoint_url", "parameters", "options"}


def test_alias_is_stored_as_the_providers_id() -> None:
    config = LLMConfig(name="n", provider="local-llama-cpp", options={"model_path": "m.gguf"})

    config.clean()

    assert config.provider == "local-llm"


def test_remote_provider_is_a_problem_of_the_provider(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    found = problems(provider="groq", api_key=Secret("gsk"))

    assert list(found) == ["provider"]
    assert "remote" in found["provider"][0]


def test_remote_host_is_a_problem_of_the_endpoint(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    found = problems(**GENERIC_ROW, endpoint_url="https://8.8.8.8", model_name="m")

    assert list(found) == ["endpoint_url"]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254", "http://2130706433", "http://nowhere.invalid:8000"]
)
def test_address_that_is_not_allowed_is_a_problem_of_the_endpoint(url: str) -> None:
    found = problems(provider="vllm", endpoint_url=url)

    assert list(found) == ["endpoint_url"]
    assert len(found["endpoint_url"]) == 1


def test_stored_key_that_cannot_be_decrypted_does_not_hinder_other_edits(settings: Any) -> None:
    config = LLMConfig(name="n", provider="anthropic", api_key=Secret("sk-ant-1"))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    config.clean()


def test_no_problem_shows_the_key() -> None:
    found = problems(provider="anthropic", api_key=Secret("sk-marker with space"), endpoint_url="ftp://x")

    assert "sk-marker" not in str(found)
