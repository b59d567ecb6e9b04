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
from ..texts import Sentence, gettext_noop
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
            reason = _first_line(foreign.message)
            return BadAnswer(Sentence(_NOT_HTTP, origin=origin, reason=reason))
        case aiohttp.ClientPayloadError() if isinstance(foreign.__cause__, ContentEncodingError):
            return BadAnswer(Sentence(_WRONG_ENCODING, origin=origin))
        case aiohttp.ClientPayloadError():
            return ConnectionLost(Sentence(_BROKEN_OFF, origin=origin), processed=processed)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return ConfigurationError(Sentence(_NO_REQUEST, origin=origin))
        case aiohttp.ClientConnectionError() | OSError():
            return ConnectionLost(Sentence(_LOST, origin=origin), processed=processed)
    unexpected = Sentence(_UNEXPECTED, origin=origin, kind=type(foreign).__name__)
    return BackendFailed(unexpected, retryable=False, processed=processed)


def _unreached(foreign: Exception, origin: str) -> BackendError | None:
    """The error if no connection came about, so that nothing can have been processed."""
    match foreign:
        case aiohttp.ClientConnectorError(os_error=AddressRefused(error=refusal)):
            return AddressNotAllowed(refusal.message, details=refusal.details)
        case aiohttp.ConnectionTimeoutError():
            return BackendUnavailable(Sentence(_NO_CONNECTION_IN_TIME, origin=origin))
        case aiohttp.ClientConnectorCertificateError():
            return BackendUnavailable(Sentence(_NOT_TRUSTED, origin=origin), retryable=False)
        case aiohttp.ClientSSLError():
            return BackendUnavailable(Sentence(_NO_TLS, origin=origin))
        case aiohttp.ClientConnectorDNSError():
            return BackendUnavailable(Sentence(_NO_SUCH_NAME, origin=origin))
        case aiohttp.ClientConnectorError():
            return BackendUnavailable(_no_connection(foreign.os_error, origin))
    return None


def _no_connection(error: OSError, origin: str) -> Sentence:
    """asyncio's own text only repeats the address, where it has the system's number of the error."""
    if error.errno == errno.ECONNREFUSED:
        return Sentence(_CONNECTION_REFUSED, origin=origin)
    return Sentence(_NO_CONNECTION, origin=origin, reason=_reason(error.errno))


def _reason(number: int | None) -> str:
    if number is None:
        return Sentence(gettext_noop("no connection"))
    told = _OF_THE_SYSTEM.get(number)
    return os.strerror(number).lower() if told is None else Sentence(told)


# As Linux says it.
_OF_THE_SYSTEM = {
    errno.ECONNRESET: gettext_noop("connection reset by peer"),
    errno.EHOSTUNREACH: gettext_noop("no route to host"),
    errno.ENETUNREACH: gettext_noop("network is unreachable"),
    errno.ETIMEDOUT: gettext_noop("connection timed out"),
}


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200].rstrip(":")


_NOT_HTTP = gettext_noop("%(origin)s sent something that is not HTTP: %(reason)s")
_WRONG_ENCODING = gettext_noop("%(origin)s sent a body that its content encoding does not fit.")
_BROKEN_OFF = gettext_noop("%(origin)s broke off its answer.")
_NO_REQUEST = gettext_noop("No request to %(origin)s can be made of this endpoint URL and key.")
_LOST = gettext_noop("The connection to %(origin)s was lost.")
_UNEXPECTED = gettext_noop("The request to %(origin)s failed unexpectedly: %(kind)s.")
_NO_CONNECTION = gettext_noop("No connection to %(origin)s: %(reason)s.")
_NO_CONNECTION_IN_TIME = gettext_noop("No connection to %(origin)s: it did not answer in time.")
_NOT_TRUSTED = gettext_noop("No connection to %(origin)s: its certificate is not trusted.")
_NO_TLS = gettext_noop("No connection to %(origin)s: TLS failed.")
_NO_SUCH_NAME = gettext_noop("No connection to %(origin)s: the name is not known.")
_CONNECTION_REFUSED = gettext_noop(
    "No connection to %(origin)s: connection refused (is the service running there?)."
)
