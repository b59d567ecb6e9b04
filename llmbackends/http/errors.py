"""What each exception of the HTTP library means: the one place where they become our errors."""

from __future__ import annotations

import errno
import os
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import (
    AddressNotAllowed,
    BackendError,
    BackendFailed,
    BackendUnavailable,
    BadAnswer,
    ConfigurationError,
    ConnectionLost,
)
from .addresses import AddressRefused


def origin_of(url: str) -> str:
    """Scheme, host and port, for messages: a path or a query may hold what staff should not read."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def backend_error(foreign: Exception, origin: str, *, processed: bool) -> BackendError:
    """Raise it `from foreign`, which no longer shows the request's headers then."""
    _forget_headers(foreign)
    return _unreached(foreign, origin) or _broken(foreign, origin, processed)


def _forget_headers(foreign: Exception) -> None:
    """The repr of some aiohttp errors shows the request's headers, and so the API key."""
    if isinstance(foreign, aiohttp.ClientResponseError):
        foreign.request_info = foreign.request_info._replace(headers=CIMultiDictProxy(CIMultiDict()))
        foreign.args = ()


def _broken(foreign: Exception, origin: str, processed: bool) -> BackendError:
    match foreign:
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return BadAnswer(f"{origin} sent something that is not HTTP: {_first_line(foreign.message)}")
        case aiohttp.ClientPayloadError() if isinstance(foreign.__cause__, ContentEncodingError):
            return BadAnswer(f"{origin} sent a body that its content encoding does not fit.")
        case aiohttp.ClientPayloadError():
            return ConnectionLost(f"{origin} broke off its answer.", processed=processed)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return ConfigurationError(f"No request to {origin} can be made of this endpoint URL and key.")
        case aiohttp.ClientConnectionError() | OSError():
            return ConnectionLost(f"The connection to {origin} was lost.", processed=processed)
    return BackendFailed(
        f"The request to {origin} failed unexpectedly: {type(foreign).__name__}.",
        retryable=False,
        processed=processed,
    )


def _unreached(foreign: Exception, origin: str) -> BackendError | None:
    """The error if no connection came about, so that nothing can have been processed."""
    match foreign:
        case aiohttp.ClientConnectorError(os_error=AddressRefused(error=refusal)):
            return AddressNotAllowed(refusal.message, details=refusal.details)
        case aiohttp.ConnectionTimeoutError():
            return BackendUnavailable(f"No connection to {origin}: it did not answer in time.")
        case aiohttp.ClientConnectorCertificateError():
            return BackendUnavailable(
                f"No connection to {origin}: its certificate is not trusted.", retryable=False
            )
        case aiohttp.ClientSSLError():
            return BackendUnavailable(f"No connection to {origin}: TLS failed.")
        case aiohttp.ClientConnectorDNSError():
            return BackendUnavailable(f"No connection to {origin}: the name is not known.")
        case aiohttp.ClientConnectorError():
            return BackendUnavailable(f"No connection to {origin}: {_reason(foreign.os_error)}.")
    return None


def _reason(error: OSError) -> str:
    """asyncio's own text only repeats the address, where it has the system's number of the error."""
    if error.errno == errno.ECONNREFUSED:
        return "connection refused (is the service running there?)"
    return os.strerror(error.errno).lower() if error.errno else "no connection"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200].rstrip(":")
