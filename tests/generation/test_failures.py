from __future__ import annotations

import pytest

from generation.failures import API_ERRORS, public_error
from llmbackends import errors


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
