"""What can go wrong on the way to a model: one class for each decision that a caller can take.

    BackendError
    ├── ConfigurationError        the spec cannot work: an administrator must mend it
    │   ├── UnknownProvider       no such provider, or its plugin is not installed
    │   ├── RemoteNotAllowed      the provider sends data outside, and this installation forbids it
    │   └── AddressNotAllowed     the endpoint's address is in no zone that may be called (nothing was sent)
    ├── RequestError              the request cannot work with this backend: sending it again will not help
    │   ├── UnsupportedFeature    the backend lacks something the request needs (nothing was sent)
    │   └── ContextLengthExceeded the prompt is longer than the model takes
    ├── AuthenticationFailed      the provider refused the key (401, 403)
    ├── ModelNotFound             the provider is there, the model or route is not (404)
    ├── BackendUnavailable        down, loading or overloaded: refused, no address, 503, 529
    │   └── RateLimited           429
    ├── BackendTimeout            no answer in time
    ├── BackendFailed             another error status (5xx, 408, 409), or an error event in a stream
    ├── ConnectionLost            the connection broke after the request was sent
    └── BadAnswer                 an answer that is not what the provider's API promises
        └── StreamCut             a stream that ended without its end marker

Two flags decide about trying again. `retryable`: a later attempt may succeed. `processed`: whether the
provider may have done the work already; only an error that proves it did not (`processed=False`) is
retried inside a call, see retry.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class BackendError(Exception):
    """Base of all errors that a backend raises.

    message: for staff; may name the provider, the endpoint and what it answered, never a key.
    status_code: the HTTP status of the provider's answer; None where there was none.
    retry_after_s: seconds the provider asked to wait, only from a 429 or 5xx answer.
    details: further facts for the log.
    """

    error_type: ClassVar[str] = "backend_error"
    default_retryable: ClassVar[bool] = False
    default_processed: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        retryable: bool | None = None,
        processed: bool | None = None,
        retry_after_s: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.retryable = self.default_retryable if retryable is None else retryable
        self.processed = self.default_processed if processed is None else processed
        self.retry_after_s = retry_after_s
        self.details = dict(details or {})


class ConfigurationError(BackendError):
    error_type = "configuration"


class UnknownProvider(ConfigurationError):
    error_type = "unknown_provider"


class RemoteNotAllowed(ConfigurationError):
    error_type = "remote_not_allowed"


class AddressNotAllowed(ConfigurationError):
    error_type = "address_not_allowed"


class RequestError(BackendError):
    error_type = "invalid_request"


class UnsupportedFeature(RequestError):
    error_type = "unsupported_feature"


class ContextLengthExceeded(RequestError):
    error_type = "context_length_exceeded"


class AuthenticationFailed(BackendError):
    error_type = "authentication"


class ModelNotFound(BackendError):
    error_type = "model_not_found"


class BackendUnavailable(BackendError):
    error_type = "unavailable"
    default_retryable = True


class RateLimited(BackendUnavailable):
    error_type = "rate_limited"


class BackendTimeout(BackendError):
    error_type = "timeout"
    default_retryable = True
    default_processed = True


class BackendFailed(BackendError):
    error_type = "backend_failed"
    default_retryable = True


class ConnectionLost(BackendError):
    error_type = "connection_lost"
    default_retryable = True
    default_processed = True


class BadAnswer(BackendError):
    error_type = "bad_answer"
    default_processed = True


class StreamCut(BadAnswer):
    error_type = "stream_cut"
