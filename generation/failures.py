"""What a client is told when something goes wrong: a code and a neutral sentence, never the cause.

The cause may name a provider, a model, an endpoint or what it answered; it goes to the log and to the
job's `failure_detail`, which only staff see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from llmbackends import errors
from llmbackends.texts import Sentence, gettext_noop
from llmbackends.types import SAMPLING_NAMES, Feature


@dataclass(frozen=True, slots=True)
class PublicError:
    """One error as a client sees it, in English; a page says its message in the reader's language. `type` is
    the class of errors that OpenAI's clients know."""

    status: int
    code: str
    message: str
    type: str
    param: str | None = None
    retry_after_s: float | None = None


_REQUEST: Final = "invalid_request_error"
_OURS: Final = "api_error"

API_ERRORS: Final[dict[str, PublicError]] = {
    error.code: replace(error, message=Sentence(error.message))
    for error in (
        PublicError(422, "invalid_request", gettext_noop("The request is not valid."), _REQUEST),
        PublicError(
            401,
            "invalid_api_key",
            gettext_noop("The API key is missing or not valid."),
            "authentication_error",
        ),
        PublicError(
            403,
            "permission_denied",
            gettext_noop("The API key does not allow this."),
            "permission_error",
        ),
        PublicError(404, "not_found", gettext_noop("There is nothing here."), "not_found_error"),
        PublicError(404, "model_not_found", gettext_noop("This name is not known."), _REQUEST),
        PublicError(
            409,
            "conflict",
            gettext_noop("The present state does not allow this."),
            "conflict_error",
        ),
        PublicError(
            409,
            "result_expired",
            gettext_noop("What this needs has been deleted."),
            "conflict_error",
        ),
        PublicError(413, "request_too_large", gettext_noop("The request is too large."), _REQUEST),
        PublicError(
            429,
            "rate_limit_exceeded",
            gettext_noop("Too many requests. Try again later."),
            "rate_limit_error",
        ),
        PublicError(429, "budget_exceeded", gettext_noop("The budget is used up."), "rate_limit_error"),
        PublicError(
            400, "context_length_exceeded", gettext_noop("The prompt is too long. Shorten it."), _REQUEST
        ),
        PublicError(
            503,
            "backend_unavailable",
            gettext_noop("The service cannot generate text at present. Try again later."),
            _OURS,
            retry_after_s=10,
        ),
        PublicError(502, "backend_error", gettext_noop("The text could not be generated. Try again."), _OURS),
        PublicError(
            504,
            "backend_timeout",
            gettext_noop("The text was not generated in time. Try again."),
            _OURS,
        ),
        # Only jobs end so; no answer has one of these statuses.
        PublicError(408, "expired", gettext_noop("The generation could not begin before it expired."), _OURS),
        PublicError(
            424,
            "output_invalid",
            Sentence(
                gettext_noop(
                    "The generated text does not have the form that the generator promises. Try again."
                )
            ),
            _OURS,
        ),
        PublicError(
            508,
            "loop_detected",
            gettext_noop("The request has already passed through this service."),
            _OURS,
        ),
        PublicError(500, "internal_error", gettext_noop("Something went wrong on our side."), _OURS),
    )
}

_CODES: Final[tuple[tuple[type[errors.BackendError], str], ...]] = (
    (errors.ContextLengthExceeded, "context_length_exceeded"),
    (errors.RequestError, "invalid_request"),
    (errors.ConfigurationError, "backend_unavailable"),
    (errors.AuthenticationFailed, "backend_unavailable"),
    (errors.ModelNotFound, "backend_unavailable"),
    (errors.BackendUnavailable, "backend_unavailable"),
    (errors.BackendTimeout, "backend_timeout"),
    (errors.BackendError, "backend_error"),
)


_LONGEST_WAIT_S: Final = 3600.0
_LACKING: Final = gettext_noop("The service cannot do this at present: %(names)s.")
_FIELDS: Final[dict[str, str]] = {
    **{name: name for name in SAMPLING_NAMES},
    Feature.TOOLS: "tools",
    Feature.TOOL_CHOICE: "tool_choice",
    Feature.IMAGES: "messages",
    Feature.LOGPROBS: "logprobs",
    Feature.EMBEDDINGS: "model",
    Feature.JSON_OBJECT: "response_format",
    Feature.JSON_SCHEMA: "response_format",
    "dimensions": "dimensions",
}
"""What a service may lack, and the field of a request that asks for it."""


def public_error(error: errors.BackendError) -> PublicError:
    code = next(code for error_class, code in _CODES if isinstance(error, error_class))
    public = API_ERRORS[code]
    if isinstance(error, errors.UnsupportedFeature):
        return _with_what_is_lacking(public, error)
    wait_s = error.retry_after_s
    if public.retry_after_s is None or wait_s is None or not math.isfinite(wait_s):
        return public
    return replace(public, retry_after_s=min(wait_s, _LONGEST_WAIT_S))


def _with_what_is_lacking(public: PublicError, error: errors.UnsupportedFeature) -> PublicError:
    """Names only what stands in our own requests; a plugin may have words of its own."""
    lacking = [str(name) for name in error.details.get("unsupported", ()) if name in _FIELDS]
    if not lacking:
        return public
    said = Sentence(_LACKING, names=", ".join(lacking))
    return replace(public, message=said, param=_FIELDS[lacking[0]])
