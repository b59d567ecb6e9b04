"""Every error as an answer: {"error": {"code", "message", "type", "param"}} and the headers that go with it.

What other packages raise is mapped here, once. The cause goes to the log; the client gets the code and a
sentence that names nothing behind the API.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from apikeys.errors import InvalidApiKey, RateLimited
from epochs.errors import EpochsUnknown
from epochs.outages import DATABASE_DOWN
from generation.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    JobFinished,
    JobNotFound,
    JobNotRerunnable,
    ResultExpired,
)
from generation.failures import API_ERRORS, PublicError
from webhooks.errors import (
    DeliveryNotFound,
    EndpointConflict,
    EndpointNotFound,
    InvalidEndpoint,
    NotOwnEndpoint,
)

from .responses import json_response
from .validation import first_problem

log = structlog.get_logger(__name__)

ERRORS: Final[dict[str, PublicError]] = API_ERRORS | {
    "internal_error": replace(
        API_ERRORS["internal_error"],
        message="Something went wrong on our side. Try again; if it happens again, tell your administrator "
        "the X-Request-ID of this answer.",
    ),
    "method_not_allowed": PublicError(
        405,
        "method_not_allowed",
        "This address does not take this method. The header Allow lists those it takes.",
        "invalid_request_error",
    ),
}


class ApiError(Exception):
    """An answer that is an error: a code of ERRORS, with a sentence and a field of its own where it helps."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        public = ERRORS[code]
        self.headers = headers
        self.public = replace(
            public,
            message=message or public.message,
            param=param or public.param,
            retry_after_s=retry_after_s or public.retry_after_s,
        )
        super().__init__(self.public.message)


def error_body(public: PublicError) -> dict[str, Any]:
    return {
        "code": public.code,
        "message": public.message,
        "type": public.type,
        "param": public.param,
    }


def error_response(public: PublicError) -> HttpResponse:
    response = json_response({"error": error_body(public)}, status=public.status)
    for name, value in error_headers(public).items():
        response[name] = value
    return response


def error_headers(public: PublicError) -> dict[str, str]:
    headers = {}
    if public.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if public.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(public.retry_after_s))
    return headers


def to_api_error(error: Exception) -> ApiError:
    """What the client gets for `error`; logs it where the client is not to blame."""
    if isinstance(error, HttpError) and isinstance(error.__cause__, ApiError):
        return error.__cause__  # ninja wraps what a parser raises
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    if isinstance(error, DATABASE_DOWN):
        log.error("database_unusable", exc_info=error)
        return _unavailable()
    log.error("request_failed", exc_info=error)
    return ApiError("internal_error")


def answer_error(request: HttpRequest, error: Any) -> HttpResponse:
    """The handler of every exception that reaches ninja."""
    refusal = to_api_error(error)
    public = refusal.public
    log.info("request_refused", path=request.path, status=public.status, code=public.code, param=public.param)
    response = error_response(public)
    for name, value in refusal.headers.items():
        response[name] = value
    response._has_been_logged = True  # type: ignore[attr-defined]  # else Django adds a line that says less
    return response


def handle_errors_of(api: NinjaAPI) -> None:
    """ninja has handlers of its own for these, which answer in another form."""
    for kind in (Exception, Http404, HttpError, ValidationError):
        api.add_exception_handler(kind, answer_error)


def too_large() -> ApiError:
    return ApiError(
        "request_too_large", f"The body is too large. Send {settings.API_MAX_BODY_BYTES} bytes at most."
    )


def _unavailable() -> ApiError:
    return ApiError("backend_unavailable", "The service is not available at present. Try again later.")


def _no_such_address() -> ApiError:
    documentation = reverse("api:openapi-view")
    return ApiError("not_found", f"There is nothing at this address. {documentation} describes the API.")


def _validation(error: Any) -> ApiError:
    problem = first_problem(error.errors)
    return ApiError("invalid_request", problem.message, param=problem.param)


def _rate_limited(error: RateLimited) -> ApiError:
    return ApiError(
        "rate_limit_exceeded", error.message, retry_after_s=error.retry_after_s, headers=error.headers
    )


_TRANSLATIONS: Final[tuple[tuple[type[Exception], Callable[[Any], ApiError]], ...]] = (
    (ApiError, lambda error: error),
    (ValidationError, _validation),
    (InvalidApiKey, lambda error: ApiError("invalid_api_key", str(error))),
    (RateLimited, _rate_limited),
    (EpochsUnknown, lambda error: _unavailable()),  # the outage is in the log already
    (InvalidRequest, lambda error: ApiError("invalid_request", error.message, param=error.param)),
    (
        IdempotencyKeyReused,
        lambda error: ApiError("invalid_request", error.message, param="Idempotency-Key"),
    ),
    (JobNotFound, lambda error: ApiError("not_found", error.message)),
    (JobFinished, lambda error: ApiError("conflict", error.message)),
    (JobNotRerunnable, lambda error: ApiError("conflict", error.message)),
    (ResultExpired, lambda error: ApiError("result_expired", error.message)),
    (InvalidEndpoint, lambda error: ApiError("invalid_request", error.message, param=error.param)),
    (EndpointNotFound, lambda error: ApiError("not_found", error.message)),
    (NotOwnEndpoint, lambda error: ApiError("permission_denied", error.message)),
    (EndpointConflict, lambda error: ApiError("conflict", error.message)),
    (DeliveryNotFound, lambda error: ApiError("not_found", error.message)),
    (RequestDataTooBig, lambda error: too_large()),
    (SuspiciousOperation, lambda error: ApiError("invalid_request")),
    (Http404, lambda error: _no_such_address()),
)
