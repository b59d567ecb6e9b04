from __future__ import annotations

import json
from typing import Any

import pytest

from api.anthropic.errors import anthropic_error
from api.errors import ERRORS, ApiError
from generation.failures import PublicError


def _error(error: PublicError) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(anthropic_error(error, "request-1"))
    return body


def test_error_form() -> None:
    assert _error(ERRORS["backend_error"]) == {
        "type": "error",
        "error": {
            "type": "api_error",
            "message": "The text could not be generated. Try again.",
            "details": {"error_code": "backend_error"},
        },
        "request_id": "request-1",
    }


def test_error_names_the_field_where_the_sentence_does_not() -> None:
    error = ApiError("invalid_request", "The message has no content.", param="messages[0].content")

    assert _error(error.public)["error"]["message"] == "messages[0].content: The message has no content."


def test_error_names_the_field_once() -> None:
    error = ApiError("invalid_request", "The field model is missing.", param="model")

    assert _error(error.public)["error"]["message"] == "The field model is missing."


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_request", "invalid_request_error"),
        ("context_length_exceeded", "invalid_request_error"),
        ("invalid_api_key", "authentication_error"),
        ("permission_denied", "permission_error"),
        ("not_found", "not_found_error"),
        ("model_not_found", "not_found_error"),
        ("method_not_allowed", "invalid_request_error"),
        ("conflict", "conflict_error"),
        ("request_too_large", "request_too_large"),
        ("rate_limit_exceeded", "rate_limit_error"),
        ("budget_exceeded", "rate_limit_error"),
        ("backend_unavailable", "overloaded_error"),
        ("backend_error", "api_error"),
        ("backend_timeout", "timeout_error"),
        ("loop_detected", "api_error"),
        ("internal_error", "api_error"),
    ],
)
def test_error_type(code: str, kind: str) -> None:
    assert _error(ERRORS[code])["error"]["type"] == kind
