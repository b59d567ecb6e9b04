from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from llmbackends.errors import ConfigurationError, UnknownProvider
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmbackends.types import Sampling
from llmconfigs.models import LLMConfig
from llmconfigs.specs import model_of, spec_from_config


def test_spec_says_what_the_row_says() -> None:
    config = LLMConfig(
        provider="vllm",
        model_name="some/model",
        endpoint_url="http://gpu:8000/",
        api_key=Secret("sk-12345"),
        parameters={"temperature": 0.1, "stop": ["END"]},
        timeout_seconds=33,
        max_retries=1,
    )

    assert spec_from_config(config) == BackendSpec(
        provider="vllm",
        model="some/model",
        endpoint_url="http://gpu:8000",
        api_key=Secret("sk-12345"),
        timeout_s=33,
        max_retries=1,
        sampling=Sampling(temperature=0.1, stop=("END",)),
    )


def test_spec_takes_the_providers_defaults() -> None:
    spec = spec_from_config(LLMConfig(provider="ollama"))

    assert (spec.model, spec.endpoint_url) == ("codellama:13b", "http://localhost:11434")
    assert (spec.timeout_s, spec.max_retries, spec.sampling) == (120, 2, Sampling())


def test_alias_becomes_the_providers_id_and_the_file_names_the_model() -> None:
    config = LLMConfig(provider="local-llama-cpp", options={"model_path": "/models/tiny-v2.gguf"})

    spec = spec_from_config(config)

    assert (spec.provider, spec.model, spec.endpoint_url) == ("local-llm", "tiny-v2", "")
    assert spec.options == {"model_path": "/models/tiny-v2.gguf"}


def test_unknown_provider_makes_no_spec() -> None:
    with pytest.raises(UnknownProvider):
        spec_from_config(LLMConfig(provider="nonesuch"))


def test_key_that_cannot_be_decrypted_makes_no_spec(settings: Any) -> None:
    config = LLMConfig(name="mine", provider="vllm", api_key=Secret("sk-12345"))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(ConfigurationError, match=r"“mine”.*cannot be decrypted"):
        spec_from_config(config)


@pytest.mark.parametrize(
    "values", [{"parameters": ["temperature"]}, {"options": "text"}, {"parameters": None}]
)
def test_json_that_is_no_object_makes_no_spec(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="must be a JSON object"):
        spec_from_config(LLMConfig(provider="dummy", **values))


@pytest.mark.parametrize(
    ("values", "model"),
    [
        ({"provider": "ollama"}, "codellama:13b"),
        ({"provider": "ollama", "model_name": "llama3"}, "llama3"),
        ({"provider": "local-llm", "options": {"model_path": "a/b.gguf"}}, "b"),
        ({"provider": "local-llm", "options": ["model_path"]}, ""),
        ({"provider": "local-llm", "options": {"model_path": 5}}, ""),
        ({"provider": "nonesuch", "model_name": "x"}, "x"),
    ],
)
def test_model_of_a_row(values: dict[str, Any], model: str) -> None:
    assert model_of(LLMConfig(**values)) == model
