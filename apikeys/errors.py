"""Why a caller is not let in.

    InvalidApiKey
    ├── MissingApiKey   the request names no key
    ├── UnknownApiKey   there is no such key
    ├── RevokedApiKey
    └── ExpiredApiKey

The docstring of each class is the sentence that the caller gets. Only someone who holds the right secret
learns that a key was revoked or has expired.
"""

from __future__ import annotations


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
