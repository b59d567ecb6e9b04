"""Which error an answer deserves."""

from __future__ import annotations

import pytest

from llmbackends.errors import (
    AuthenticationFailed,
    BackendError,
    BackendFailed,
    BackendTimeout,
    BackendUnavailable,
    ConfigurationError,
    ContextLengthExceeded,
    ModelNotFound,
    RateLimited,
    RequestError,
)
from llmbackends.mapping import error_from_answer
from llmbackends.wire import WireError


def error_for(
    status: int | None, message: str = "", code: str = "", *, retry_after_s: float | None = None
) -> BackendError:
    return error_from_answer(
        status=status, error=WireError(message, code), retry_after_s=retry_after_s, provider="Acme"
    )


@pytest.mark.parametrize(
    ("status", "expected", "retryable", "processed"),
    [
        (302, ConfigurationError, False, False),
        (400, RequestError, False, False),
        (401, AuthenticationFailed, False, False),
        (402, RateLimited, False, False),
        (403, AuthenticationFailed, False, False),
        (404, ModelNotFound, False, False),
        (405, RequestError, False, False),
        (408, BackendFailed, True, False),
        (409, BackendFailed, True, False),
        (413, RequestError, False, False),
        (422, RequestError, False, False),
        (429, RateLimited, True, False),
        (500, BackendFailed, True, False),
        (502, BackendFailed, True, False),
        (503, BackendUnavailable, True, False),
        (504, BackendTimeout, True, True),
        (524, BackendTimeout, True, True),
        (529, BackendUnavailable, True, False),
        (599, BackendFailed, True, False),
    ],
)
def test_error_class_follows_the_status(
    status: int, expected: type[BackendError], retryable: bool, processed: bool
) -> None:
    error = error_from_answer(status=status, error=None, retry_after_s=None, provider="Acme")
    assert type(error) is expected
    assert (error.status_code, error.retryable, error.processed) == (status, retryable, processed)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "context_length_exceeded", "Please reduce the length of the messages or completion."),
        (
            400,
            "exceed_context_size_error",
            "request (9 tokens) exceeds the available context size (5 tokens)",
        ),
        (500, "", "the request exceeds the available context size, try increasing it"),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 9 > 10"),
        (400, "BadRequestError", "This model's maximum context length is 4096 tokens. However, you ..."),
        (400, "", "The decoder prompt (length 9) is longer than the maximum model length of 5."),
        (422, "", "input length exceeds maximum context length"),
        (413, "", "Prompt contains 9 tokens, too large for model with 5 maximum context length"),
        (None, "", "The input token count (9) exceeds the maximum number of tokens allowed (5)."),
        (400, "", "Your input exceeds the context window of this model."),
        (400, "", "Input is too long for requested model."),
        (None, "exceed_context_size_error", ""),
        (400, "", "Please reduce the length of the messages or completion."),
    ],
)
def test_error_recognises_a_prompt_that_is_too_long(status: int | None, code: str, message: str) -> None:
    assert type(error_for(status, message, code)) is ContextLengthExceeded


@pytest.mark.parametrize(
    ("status", "message"),
    [(500, "invalid JSON schema in format"), (400, "Failed to initialize samplers: failed to parse grammar")],
)
def test_error_recognises_a_schema_that_is_not_taken(status: int, message: str) -> None:
    error = error_for(status, message)

    assert type(error) is RequestError
    assert not error.retryable


def test_error_recognises_a_model_that_slipped_out_of_its_schema() -> None:
    error = error_for(500, "The model produced output that does not match the expected peg-native format")

    assert (type(error), error.processed) == (BackendFailed, True)


@pytest.mark.parametrize("status", [401, 429, 503])
def test_error_wording_does_not_overrule_a_status_that_names_the_cause(status: int) -> None:
    assert type(error_for(status, "while reading the context length")) is type(error_for(status))


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (429, "insufficient_quota", "You exceeded your current quota."),
        (402, "billing_error", "Your card was declined."),
        (400, "invalid_request_error", "Your credit balance is too low to access the API."),
        (None, "insufficient_quota", ""),
        (None, "billing_error", ""),
        (400, "billing_hard_limit_reached", ""),
        (400, "billing_not_active", ""),
    ],
)
def test_error_for_used_up_quota_is_not_retryable(status: int | None, code: str, message: str) -> None:
    error = error_for(status, message, code)
    assert type(error) is RateLimited
    assert not error.retryable
    assert "quota or credit" in error.message


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(400, "model_not_found", ""), (403, "model_not_found", ""), (400, "", "acme/x is not a valid model ID")],
)
def test_error_recognises_a_missing_model_by_any_status(status: int, code: str, message: str) -> None:
    assert type(error_for(status, message, code)) is ModelNotFound


@pytest.mark.parametrize("code", ["tool_use_failed", "json_validate_failed"])
def test_error_for_what_the_model_wrote_wrong_does_not_blame_the_request(code: str) -> None:
    error = error_for(400, "Tool choice is required, but model did not call a tool", code)
    assert type(error) is BackendFailed
    assert (error.retryable, error.processed) == (True, True)


def test_error_for_images_the_model_cannot_see_blames_the_request() -> None:
    error = error_for(500, "image input is not supported - hint: you may need to provide the mmproj")
    assert type(error) is RequestError


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("overloaded_error", 529, BackendUnavailable),
        ("unavailable_error", 503, BackendUnavailable),
        ("rate_limit_error", 429, RateLimited),
        ("rate_limit_exceeded", 429, RateLimited),
        ("authentication_error", 401, AuthenticationFailed),
        ("invalid_api_key", 401, AuthenticationFailed),
        ("permission_error", 403, AuthenticationFailed),
        ("not_found_error", 404, ModelNotFound),
        ("NotFoundError", 404, ModelNotFound),
        ("request_too_large", 413, RequestError),
        ("invalid_request_error", 400, RequestError),
        ("timeout_error", 504, BackendTimeout),
        ("api_error", 500, BackendFailed),
        ("server_error", 500, BackendFailed),
        ("internal_server_error", 500, BackendFailed),
        ("BadRequestError", 400, RequestError),
        ("some_news", None, BackendFailed),
        ("", None, BackendFailed),
    ],
)
def test_error_inside_a_200_takes_the_status_its_code_implies(
    code: str, status: int | None, expected: type[BackendError]
) -> None:
    error = error_for(None, "told", code)
    assert type(error) is expected
    assert error.status_code == status


def test_error_inside_a_200_takes_the_status_it_names() -> None:
    told = WireError("Upstream overloaded", code="invalid_request_error", status=503)
    error = error_from_answer(status=None, error=told, retry_after_s=None)
    assert type(error) is BackendUnavailable
    assert error.status_code == 503


def test_error_takes_the_http_status_over_the_one_it_names() -> None:
    told = WireError("slow down", status=500)
    assert error_from_answer(status=429, error=told, retry_after_s=None).status_code == 429


@pytest.mark.parametrize(
    ("status", "expected"), [(429, 7.0), (503, 7.0), (500, 7.0), (400, None), (408, None), (None, None)]
)
def test_error_keeps_retry_after_of_429_and_5xx_only(status: int | None, expected: float | None) -> None:
    assert error_for(status, retry_after_s=7.0).retry_after_s == expected


def test_error_message_names_provider_status_cause_and_remedy() -> None:
    error = error_for(401, "invalid x-api-key", "authentication_error")
    assert error.message == (
        "Acme answered with status 401: invalid x-api-key. Check the API key and its permissions."
    )
    assert error.details == {"code": "authentication_error"}


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(404, "Check the model's name and the endpoint URL."), (302, "Check the endpoint URL.")],
)
def test_error_message_ends_with_a_remedy(status: int, remedy: str) -> None:
    assert error_for(status, "no").message == f"Acme answered with status {status}: no. {remedy}"


def test_error_message_inside_a_200_says_so() -> None:
    assert error_for(None, "boom").message == "Acme reported an error inside its answer: boom."


def test_error_message_without_a_cause_says_so() -> None:
    assert error_for(502).message == "Acme answered with status 502: it gave no reason."


def test_error_message_of_great_length_is_cut() -> None:
    assert len(error_for(500, "x" * 100_000).message) < 1100
