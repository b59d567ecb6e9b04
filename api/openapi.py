"""What the OpenAPI page says beyond the schemas: errors, headers, security and examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .answers import ErrorBody
from .errors import ERRORS, error_body

DESCRIPTION = """\
Generates text. Submit a prompt, an input or a conversation; it is queued as a *generation*, and you fetch the
result, wait for it, or follow it as it is written.

**Generators** are what answers, each for one purpose: a generator says what it takes and, for JSON or a code
block, checks what it has made. A generation that does not get there fails with `output_invalid`.

**Keys.** Send your API key as `Authorization: Bearer <key>` or as `x-api-key: <key>`. A key has scopes:
`generate` submits generations, and sees and cancels its own; `read` sees its own; `manage` sees and cancels
those of all keys; `webhooks` registers webhooks and changes its own. Somebody else's generation is answered
as if it did not exist.

**Errors** have one form, `{"error": {"code", "message", "type", "param"}}`: `code` for programs, `message`
for people, `param` names the field that is wrong. Every answer has an `X-Request-ID`; send your own, of up to
64 letters, digits, dots, hyphens and underscores, and it is used.

**Bodies** are JSON in UTF-8. Unknown fields are refused, so that a mistyped name does not go unnoticed.
"""

_COMMON_ERRORS = (401, 403, 500, 503, 508)
_REQUEST_ID = {"description": "Names the request in our logs.", "schema": {"type": "string"}}
# Where the key has a limit on requests per minute.
RATE_LIMIT_HEADERS = {
    "X-RateLimit-Limit-Requests": "How many requests per minute the key may send.",
    "X-RateLimit-Remaining-Requests": "How many of them are left.",
    "X-RateLimit-Reset-Requests": "When all of them will be there again, such as `1.5s` or `1m0s`.",
}
HEADERS_BY_STATUS = {
    401: {"WWW-Authenticate": "`Bearer`"},
    429: {"Retry-After": "Seconds to wait before the next request.", **RATE_LIMIT_HEADERS},
    503: {"Retry-After": "Seconds to wait before the next request."},
}


def documented(
    successes: Mapping[int, Any],
    *errors: int,
    descriptions: Mapping[int, str] | None = None,
    headers: Mapping[str, str] | None = None,
    content: Mapping[str, Any] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """The arguments `response` and `openapi_extra` of an operation; the errors that all have are added.

    headers: those of the successful answers, with their descriptions.
    content: that of the successful answers, where it is not the JSON of `successes`.
    """
    statuses = sorted({*errors, *_COMMON_ERRORS})
    responses = {status: _error_response(status) for status in statuses}
    for status in successes:
        responses[status] = {"headers": headers_of(headers or {}), "content": dict(content or {})}
    for status, description in (descriptions or {}).items():
        responses[status]["description"] = description
    return {
        "response": {**successes, **dict.fromkeys(statuses, ErrorBody)},
        "openapi_extra": {"responses": responses, **extra},
    }


def header_parameter(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "schema": {"type": "string"},
        "required": False,
        "description": description,
        "example": example,
    }


def json_examples(**values: Any) -> dict[str, Any]:
    examples = {name: {"value": value} for name, value in values.items()}
    return {"content": {"application/json": {"examples": examples}}}


def completed(schema: dict[str, Any]) -> dict[str, Any]:
    schema["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    schema["security"] = [{"bearer": []}, {"key": []}]
    return schema


def _error_response(status: int) -> dict[str, Any]:
    found = {
        public.code: {"error": error_body(public)} for public in ERRORS.values() if public.status == status
    }
    return {
        "description": " or ".join(f"`{code}`" for code in found),
        "headers": headers_of(HEADERS_BY_STATUS.get(status, {})),
        **json_examples(**found),
    }


def headers_of(descriptions: Mapping[str, str]) -> dict[str, Any]:
    named = {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in descriptions.items()
    }
    return {"X-Request-ID": _REQUEST_ID, **named}
