"""What a client of the front door is told when something goes wrong, and what the log is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import structlog

from generation.failures import API_ERRORS, PublicError, public_error
from llmbackends.errors import BackendError

from ..errors import error_headers, to_api_error
from .supervision import Drained

log = structlog.get_logger(__name__)

_DRAINED = replace(
    API_ERRORS["backend_unavailable"],
    message="The service is being restarted. Send the request again.",
    retry_after_s=1,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the client gets in place of an answer."""

    public: PublicError
    headers: Mapping[str, str]


def refusal_of(error: Exception) -> Refusal:
    """Logs the cause where the client is not to blame."""
    if isinstance(error, BackendError):
        return _refusal(_of_backend(error))
    if isinstance(error, Drained):
        return _refusal(_DRAINED)
    known = to_api_error(error)
    return _refusal(known.public, known.headers)


def _refusal(public: PublicError, headers: Mapping[str, str] = MappingProxyType({})) -> Refusal:
    if public.status == 422:  # OpenAI's and Anthropic's clients take 400 for a request that is not valid
        public = replace(public, status=400)
    return Refusal(public, {**error_headers(public), **headers})


def _of_backend(error: BackendError) -> PublicError:
    public = public_error(error)
    level = log.info if public.status < 500 else log.warning
    level(
        "completion_failed",
        code=public.code,
        because=f"{type(error).__name__}: {error.message}",
        upstream_status=error.status_code,
    )
    return public
