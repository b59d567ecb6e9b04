"""Which error a provider's error answer deserves, by its HTTP status and by what its body says.

Used for answers that are no success and for errors reported inside a 200 (a body or a stream's event).
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import (
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
from .texts import Sentence, gettext_noop
from .wire import WireError

_MAX_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class _Verdict:
    """`hint` tells staff what to do, marked for translation; None in a flag: the class's own default."""

    error: type[BackendError]
    hint: str = ""
    retryable: bool | None = None
    processed: bool | None = None


_REFUSED_REQUEST = _Verdict(RequestError)
_FAILED = _Verdict(BackendFailed)
_TOO_LONG = _Verdict(ContextLengthExceeded)
_BAD_KEY = _Verdict(AuthenticationFailed, gettext_noop("Check the API key and its permissions."))
_NO_MODEL = _Verdict(ModelNotFound, gettext_noop("Check the model's name and the endpoint URL."))
_WRONG_ADDRESS = _Verdict(ConfigurationError, gettext_noop("Check the endpoint URL."))
_NO_QUOTA = _Verdict(RateLimited, gettext_noop("The account's quota or credit is used up."), retryable=False)
_TOO_SLOW = _Verdict(BackendTimeout, processed=True)
# The model wrote a tool call or JSON that the provider itself threw away: the request was not at fault.
_MODEL_SLIPPED = _Verdict(BackendFailed, processed=True)

_BY_STATUS: dict[int, _Verdict] = {
    401: _BAD_KEY,
    402: _NO_QUOTA,
    403: _BAD_KEY,
    404: _NO_MODEL,
    408: _FAILED,
    409: _FAILED,
    429: _Verdict(RateLimited),
    503: _Verdict(BackendUnavailable),
    504: _TOO_SLOW,
    524: _TOO_SLOW,
    529: _Verdict(BackendUnavailable),
}

_BY_CODE: dict[str, _Verdict] = {
    "context_length_exceeded": _TOO_LONG,
    "exceed_context_size_error": _TOO_LONG,
    "model_not_found": _NO_MODEL,
    "insufficient_quota": _NO_QUOTA,
    "billing_error": _NO_QUOTA,
    "billing_hard_limit_reached": _NO_QUOTA,
    "billing_not_active": _NO_QUOTA,
    "tool_use_failed": _MODEL_SLIPPED,
    "json_validate_failed": _MODEL_SLIPPED,
}

# Wording counts only where the status leaves the cause open: some services give these causes no code.
_OPEN_STATUSES = frozenset({None, 400, 413, 422, 500})
_BY_WORDING: tuple[tuple[str, _Verdict], ...] = (
    ("context length", _TOO_LONG),
    ("context size", _TOO_LONG),
    ("context window", _TOO_LONG),
    ("context limit", _TOO_LONG),
    ("maximum model length", _TOO_LONG),
    ("too large to process", _TOO_LONG),
    ("prompt is too long", _TOO_LONG),
    ("input is too long", _TOO_LONG),
    ("exceeds the maximum number of tokens", _TOO_LONG),
    ("reduce the length of the messages", _TOO_LONG),
    ("credit balance is too low", _NO_QUOTA),
    ("is not a valid model", _NO_MODEL),
    ("image input is not supported", _REFUSED_REQUEST),
    ("invalid json schema in format", _REFUSED_REQUEST),  # Ollama, with status 500
    ("failed to parse grammar", _REFUSED_REQUEST),
    ("produced output that does not match the expected", _MODEL_SLIPPED),  # llama.cpp, held to a schema
)

_STATUS_OF_CODE: dict[str, int] = {
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "notfounderror": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "internal_server_error": 500,
    "server_error": 500,
    "unavailable_error": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def error_from_answer(
    *,
    status: int | None,
    error: WireError | None,
    retry_after_s: float | None,
    provider: str = "The provider",
) -> BackendError:
    """The error to raise.

    status: of the HTTP answer; None for an error inside a 200: then what the error says of itself counts.
    error: None if the body is not in the language's form.
    provider: how the message names it.
    """
    said = error or WireError("")
    counted = status or said.status or _STATUS_OF_CODE.get(said.code.lower())
    verdict = _verdict(counted, said)
    return verdict.error(
        _message(provider, status, said, verdict.hint),
        status_code=counted,
        retryable=verdict.retryable,
        processed=verdict.processed,
        retry_after_s=retry_after_s if _may_wait(counted) else None,
        details={"code": said.code} if said.code else None,
    )


def _verdict(status: int | None, said: WireError) -> _Verdict:
    if found := _BY_CODE.get(said.code.lower()) or _verdict_by_wording(status, said.message.lower()):
        return found
    if status is None:
        return _FAILED
    return _BY_STATUS.get(status) or _verdict_by_range(status)


def _verdict_by_range(status: int) -> _Verdict:
    if status >= 500:
        return _FAILED
    return _REFUSED_REQUEST if status >= 400 else _WRONG_ADDRESS


def _verdict_by_wording(status: int | None, message: str) -> _Verdict | None:
    if status not in _OPEN_STATUSES:
        return None
    return next((verdict for words, verdict in _BY_WORDING if words in message), None)


def _may_wait(status: int | None) -> bool:
    return status is not None and (status == 429 or status >= 500)


def _message(provider: str, status: int | None, said: WireError, hint: str) -> str:
    told = (said.message[:_MAX_MESSAGE] or said.code).rstrip(".")
    template = (_STATUS_AND_REASON if told else _STATUS) if status else (_REASON if told else _NO_REASON)
    sentence = Sentence(template, provider=provider, status=status, told=told)
    return Sentence("%(sentence)s %(hint)s", sentence=sentence, hint=Sentence(hint)) if hint else sentence


_STATUS_AND_REASON = gettext_noop("%(provider)s answered with status %(status)s: %(told)s.")
_STATUS = gettext_noop("%(provider)s answered with status %(status)s: it gave no reason.")
_REASON = gettext_noop("%(provider)s reported an error inside its answer: %(told)s.")
_NO_REASON = gettext_noop("%(provider)s reported an error inside its answer: it gave no reason.")
