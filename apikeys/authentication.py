"""Which key a request carries: the one way for every route.

Keys are kept in memory under the epoch that `epochs.current()` gave for the request: a key that was revoked
before the request came is never let in, and a key in use costs no query.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from epochs.current import Epochs
from epochs.errors import EpochsUnknown

from .digests import digest
from .errors import ExpiredApiKey, MissingApiKey, RevokedApiKey, SuspendedApiKey, UnknownApiKey
from .known import KnownKeys
from .loading import KeyLoader
from .models import ApiKey


async def authenticate(headers: Mapping[str, str], epochs: Epochs) -> ApiKey:
    """As `authenticate_secret`. The headers' names are in lower case, or their case does not matter."""
    secret = secret_in(headers.get("authorization", ""), headers.get("x-api-key", ""))
    return await authenticate_secret(secret, epochs)


async def authenticate_secret(secret: str, epochs: Epochs) -> ApiKey:
    """The key with this secret; nobody may change it, other requests share it. Raises InvalidApiKey, and
    EpochsUnknown or django.db.Error if it would have to be read and the database is down.

    The secret is never compared: its digest is looked up, so the time that takes tells nothing about how much
    of a guess was right. Does not wait for anything if the key is known.
    """
    its_digest = digest(secret)
    keys = _known.under(epochs.keys)
    key = keys.get(its_digest)
    if key is None:
        key = await _load(its_digest, epochs)
        keys.add(key)
    if key.revoked_at is not None:
        raise RevokedApiKey
    if key.expires_at is not None and key.is_expired(timezone.now()):
        raise ExpiredApiKey
    if not key.scopes:
        raise SuspendedApiKey
    return key


def secret_in(authorization: str, x_api_key: str) -> str:
    """The bearer token or, without one, what stands in `x-api-key`. Raises MissingApiKey."""
    scheme, _, token = authorization.strip().partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    secret = bearer or x_api_key.strip()
    if not secret:
        raise MissingApiKey
    return secret


async def _load(its_digest: str, epochs: Epochs) -> ApiKey:
    if epochs.is_stale:
        raise EpochsUnknown  # to ask for it would only wait for the same database
    try:
        key = await _loader.load(its_digest)
    except TimeoutError as error:
        raise EpochsUnknown from error
    if key is None:
        raise UnknownApiKey
    return key


_known = KnownKeys()
_loader = KeyLoader()
