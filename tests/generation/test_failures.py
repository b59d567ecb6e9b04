from __future__ import annotations

import math

import pytest

from generation.failures import API_ERRORS, public_error
from llmbackends import errors
from llmbackends.types import Feature


def every_backend_error() -> list[type[errors.BackendError]]:
    classes = [errors.BackendError]
    for each in classes:
        classes.extend(each.__subclasses__())
    return classes


EXPECTED = {
    errors.BackendError: (502, "backend_error"),
    errors.ConfigurationError: (503, "backend_unavailable"),
    errors.UnknownProvider: (503, "backend_unavailable"),
    errors.RemoteNotAllowed: (503, "backend_unavailable"),
    errors.AddressNotAllowed: (503, "backend_unavailable"),
    errors.RequestError: (422, "invalid_request"),
    errors.UnsupportedFeature: (422, "invalid_request"),
    errors.ContextLengthExceeded: (400, "context_length_exceeded"),
    errors.AuthenticationFailed: (503, "backend_unavailable"),
    errors.ModelNotFound: (503, "backend_unavailable"),
    errors.BackendUnavailable: (503, "backend_unavailable"),
    errors.RateLimited: (503, "backend_unavailable"),
    errors.BackendTimeout: (504, "backend_timeout"),
    errors.BackendFailed: (502, "backend_error"),
    errors.ConnectionLost: (502, "backend_error"),
    errors.BadAnswer: (502, "backend_error"),
    errors.StreamCut: (502, "backend_error"),
}


@pytest.mark.parametrize("error_class", every_backend_error())
def test_public_error_of_every_backend_error_is_neutral(error_class: type[errors.BackendError]) -> None:
    public = public_error(error_class("ollama at http://10.0.0.7:11434 says: no llama3"))

    assert (public.status, public.code) == EXPECTED[error_class]
    assert public.message == API_ERRORS[public.code].message


@pytest.mark.parametrize(
    ("lacking", "said", "param"),
    [
        ([Feature.TOOL_CHOICE, Feature.IMAGES], "tool_choice, images", "tool_choice"),
        ([Feature.IMAGES], "images", "messages"),
        ([Feature.JSON_OBJECT], "json_object", "response_format"),
        ([Feature.JSON_SCHEMA, "top_k"], "json_schema, top_k", "response_format"),
        ([Feature.EMBEDDINGS], "embeddings", "model"),
        (["dimensions"], "dimensions", "dimensions"),
        (["llama_cpp_thing", "seed"], "seed", "seed"),
    ],
)
def test_public_error_names_what_the_service_lacks(lacking: list[str], said: str, param: str) -> None:
    error = errors.UnsupportedFeature("ollama lacks it", details={"unsupported": lacking})

    public = public_error(error)

    assert public.message == f"The service cannot do this at present: {said}."
    assert (public.status, public.code, public.param) == (422, "invalid_request", param)


def test_public_error_names_nothing_that_only_a_plugin_knows() -> None:
    error = errors.UnsupportedFeature("no", details={"unsupported": ["llama_cpp_thing"]})

    assert public_error(error) == API_ERRORS["invalid_request"]


def test_every_feature_has_a_field_of_a_request() -> None:
    for feature in Feature:
        error = errors.UnsupportedFeature("no", details={"unsupported": [feature]})
        assert public_error(error).param is not None


@pytest.mark.parametrize(("asked_s", "told_s"), [(1e9, 3600), (math.inf, 10), (math.nan, 10), (0, 0)])
def test_public_error_tells_no_wait_without_sense(asked_s: float, told_s: float) -> None:
    assert public_error(errors.RateLimited("429", retry_after_s=asked_s)).retry_after_s == told_s


def test_public_error_passes_the_wait_on_that_the_provider_asked_for() -> None:
    assert public_error(errors.RateLimited("429", retry_after_s=42)).retry_after_s == 42


def test_public_error_of_a_backend_that_is_down_always_says_when_to_come_back() -> None:
    assert public_error(errors.BackendUnavailable("refused")).retry_after_s == 10


def test_public_error_says_nothing_of_waiting_where_it_does_not_help() -> None:
    assert public_error(errors.BackendFailed("500", retry_after_s=42)).retry_after_s is None


def test_api_errors_name_nothing_of_what_is_behind() -> None:
    words = " ".join(error.message + error.type for error in API_ERRORS.values()).lower()

    for word in ("provider", "model", "endpoint", "ollama", "llama", "openai", "backend"):
        assert word not in words
