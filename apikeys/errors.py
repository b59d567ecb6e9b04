"""Why a caller is not let in.

    InvalidApiKey
    ├── MissingApiKey   the request names no key
    ├── UnknownApiKey   there is no such key
    ├── RevokedApiKey
    ├── ExpiredApiKey
    └── SuspendedApiKey

The docstring of each class is the sentence that the caller gets. Only someone who holds the right secret
learns that a key was revoked, has expired or is suspended.

Why a known caller has to wait.

    RateLimited
    ├── TooManyPerMinute
    └── TooManyAtOnce
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class InvalidApiKey(Exception):
    """The API key is not valid."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class MissingApiKey(InvalidApiKey):
    """No API key was given. Send it as "Authorization: Bearer <key>" or as "x-api-key: <key>"."""


class UnknownApiKey(InvalidApiKey):
    """The API key is not known. Check that it was copied whole, or ask your administrator for a new one."""


class RevokedApiKey(InvalidApiKey):
    """The API key has been revoked. Ask your administrator for a new one."""


class ExpiredApiKey(InvalidApiKey):
    """The API key has expired. Ask your administrator for a new one."""


class SuspendedApiKey(InvalidApiKey):
    """The owner of the API key may not use it at present. Ask your administrator."""


class RateLimited(Exception):
    """The limit that refused: `limit` requests, none of which remains.

    reset_s: until all of it is there again; retry_after_s: until one request fits. headers: what the answer
    says of the limit on requests per minute, empty if another one refused.
    """

    remaining = 0

    def __init__(
        self,
        message: str,
        *,
        limit: int,
        reset_s: float,
        retry_after_s: float,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.limit = limit
        self.reset_s = reset_s
        self.retry_after_s = retry_after_s
        self.headers = headers


class TooManyPerMinute(RateLimited):
    """More requests in a minute than the key may send."""


class TooManyAtOnce(RateLimited):
    """More requests at the same time than the key may have running."""
