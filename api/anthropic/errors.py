"""Errors in Anthropic's form: https://docs.anthropic.com/en/api/errors"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from generation.failures import PublicError

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    # Anthropic sends it with 529. Within a stream the type is all that tells a client to try again later.
    503: "overloaded_error",
    504: "timeout_error",
}


def anthropic_error(error: PublicError, request_id: str) -> bytes:
    return msgspec.json.encode({**error_object(error), "request_id": request_id})


def error_object(error: PublicError) -> dict[str, Any]:
    """The form has no place for the field that is wrong, so the sentence names it; our code is a detail."""
    return {
        "type": "error",
        "error": {"type": _type(error), "message": _message(error), "details": {"error_code": error.code}},
    }


def _type(error: PublicError) -> str:
    fallback = "api_error" if error.status >= 500 else "invalid_request_error"
    return _TYPES.get(error.status, fallback)


def _message(error: PublicError) -> str:
    if not error.param or error.param in error.message:
        return str(error.message)  # msgspec writes no Sentence
    return f"{error.param}: {error.message}"
