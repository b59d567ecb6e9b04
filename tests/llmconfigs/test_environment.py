from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import ConfigurationError
from llmbackends.registry import get_provider
from llmbackends.secret import Secret
from llmbackends.types import Sampling
from llmbackends.validation import require_valid
from llmconfigs.environment import environment_spec, read_environment


def test_empty_environment_is_ollama_with_its_defaults() -> None:
    reading = read_environment({})

    assert reading.warnings == ()
    spec = reading.spec
    assert (spec.provider, spec.model) == ("ollama", "codellama:13b")
    assert spec.endpoint_url == "http://localhost:11434"
    assert (spec.timeout_s, spec.max_retries) == (120, 2)
    assert spec.sampling == Sampling(temperature=0.7, max_tokens=4096)
    assert spec.options == {}
    assert not spec.api_key


def test_every_variable_is_read() -> None:
    variables = {
        "LLM_PROVIDER": "vllm",
        "LLM_ENDPOINT": "http://gpu:8000/",
        "LLM_MODEL": "some/model",
        "LLM_API_KEY": "sk-12345",
        "LLM_TIMEOUT_SECONDS": "7.5",
        "LLM_MAX_RETRIES": "0",
        "LLM_MAX_TOKENS": "17",
        "LLM_TEMPERATURE": "0",
    }

    reading = read_environment(variables)

    assert reading.warnings == ()
    spec = reading.spec
    assert (spec.provider, spec.model, spec.endpoint_url) == ("vllm", "some/model", "http://gpu:8000")
    assert spec.api_key == Secret("sk-12345")
    assert (spec.timeout_s, spec.max_retries) == (7.5, 0)
    assert spec.sampling == Sampling(temperature=0.0, max_tokens=17)


def test_empty_variable_counts_as_not_set() -> None:
    blank = {"LLM_PROVIDER": " ", "LLM_MODEL": "", "LLM_MAX_TOKENS": ""}

    assert read_environment(blank) == read_environment({})


def test_unknown_provider_falls_back_to_ollama_with_a_warning() -> None:
    reading = read_environment({"LLM_PROVIDER": "nonesuch"})

    assert reading.spec == read_environment({}).spec
    [warning] = reading.warnings
    assert "'nonesuch'" in warning
    assert "using ollama" in warning
    assert "vllm" in warning


@pytest.mark.parametrize("text", ["soon", "0", "-5", "nan", "inf", "1e400"])
def test_unusable_timeout_falls_back_to_the_providers_default(text: str) -> None:
    ollama = read_environment({"LLM_TIMEOUT_SECONDS": text})
    groq = read_environment({"LLM_PROVIDER": "groq", "LLM_API_KEY": "k", "LLM_TIMEOUT_SECONDS": text})

    assert (ollama.spec.timeout_s, groq.spec.timeout_s) == (120, 60)
    assert "LLM_TIMEOUT_SECONDS" in ollama.warnings[0]
    assert "Using 60" in groq.warnings[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LLM_MAX_RETRIES", "many"),
        ("LLM_MAX_RETRIES", "-1"),
        ("LLM_MAX_RETRIES", "11"),
        ("LLM_MAX_TOKENS", "0"),
        ("LLM_MAX_TOKENS", "1.5"),
        ("LLM_TEMPERATURE", "2.5"),
        ("LLM_TEMPERATURE", "nan"),
        ("LLM_OPTIONS", "[1]"),
        ("LLM_OPTIONS", "{"),
    ],
)
def test_unusable_value_falls_back_to_its_default_with_a_warning(name: str, text: str) -> None:
    reading = read_environment({name: text})

    assert reading.spec == read_environment({}).spec
    [warning] = reading.warnings
    assert name in warning


def test_bounds_are_the_providers_own() -> None:
    variables = {"LLM_PROVIDER": "anthropic", "LLM_API_KEY": "sk-ant-1", "LLM_TEMPERATURE": "1.5"}

    reading = read_environment(variables)

    assert reading.spec.sampling.temperature == 0.7
    assert "≤ 1" in reading.warnings[0]


def test_model_file_has_its_defaults() -> None:
    spec = read_environment({"LLM_PROVIDER": "local-llama-cpp"}).spec

    assert (spec.provider, spec.model) == ("local-llm", "codellama")
    assert spec.options == {
        "model_path": "llm-models/codellama.gguf",
        "context_size": 4096,
        "threads": 4,
    }


def test_model_file_is_read_from_its_variables() -> None:
    reading = read_environment(
        {
            "LLM_PROVIDER": "local-llm",
            "LLM_MODEL_PATH": "/models/tiny.gguf",
            "LLM_CONTEXT_SIZE": "512",
            "LLM_THREADS": "200",
        }
    )

    assert reading.spec.model == "tiny"
    assert reading.spec.options == {"model_path": "/models/tiny.gguf", "context_size": 512, "threads": 4}
    assert "LLM_THREADS" in reading.warnings[0]


def test_model_file_variables_do_not_touch_other_providers() -> None:
    variables = {"LLM_MODEL_PATH": "x.gguf", "LLM_CONTEXT_SIZE": "8192", "LLM_THREADS": "2"}

    assert read_environment(variables) == read_environment({})


def test_options_come_as_json() -> None:
    variables = {"LLM_PROVIDER": "ollama", "LLM_OPTIONS": '{"context_size": 8192}'}

    assert read_environment(variables).spec.options == {"context_size": 8192}


def test_key_that_the_provider_does_not_take_is_left_out_with_a_warning() -> None:
    reading = read_environment({"LLM_API_KEY": "sk-marker-1"})

    assert not reading.spec.api_key
    assert "LLM_API_KEY" in reading.warnings[0]
    assert "sk-marker-1" not in reading.warnings[0]


def test_missing_key_is_an_error_only_when_the_backend_is_built() -> None:
    reading = read_environment({"LLM_PROVIDER": "groq"})

    assert reading.warnings == ()
    with pytest.raises(ConfigurationError, match="An API key is required"):
        require_valid(reading.spec, get_provider("groq"))


@pytest.mark.parametrize("provider", ["ollama", "llama-cpp", "local-llm", "vllm", "dummy"])
def test_default_environment_of_a_provider_without_key_is_valid(provider: str) -> None:
    require_valid(read_environment({"LLM_PROVIDER": provider}).spec, get_provider(provider))


def test_warning_is_logged_once_and_not_for_each_request(settings: Any, logs: list[Any]) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "nonesuch", "LLM_TIMEOUT_SECONDS": "soon"}

    environment_spec()
    environment_spec()

    assert [entry["log_level"] for entry in logs] == ["warning", "warning"]
    assert "nonesuch" in logs[0]["problem"]
