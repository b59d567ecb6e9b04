"""Making keys and taking them back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.utils import timezone

from llmbackends.secret import Secret

from .digests import digest
from .models import ApiKey

log = structlog.get_logger(__name__)

PREFIX_BYTES = 5
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """`secret` is the whole key, as the caller sends it. It is not stored: show it now or never."""

    key: ApiKey
    secret: Secret


def issue(*, name: str, scopes: Sequence[str], expires_at: datetime | None = None) -> IssuedKey:
    """A new key. Raises ValidationError on an empty name, an unknown scope or an expiry in the past."""
    key = ApiKey(name=name.strip(), scopes=[str(scope) for scope in scopes], expires_at=expires_at)
    key.full_clean(exclude=["prefix", "digest"])
    return reissue(key)


def reissue(key: ApiKey) -> IssuedKey:
    """A new secret for the row, or the first one for a row that is not saved yet.

    The old secret ends at once. A revocation or an expiry stays as it is.
    """
    key.prefix = f"co_{secrets.token_hex(PREFIX_BYTES)}"
    secret = Secret(f"{key.prefix}_{secrets.token_urlsafe(SECRET_BYTES)}")
    key.digest = digest(secret.reveal())
    key.save(update_fields=None if key._state.adding else ["prefix", "digest"])
    log.info("api key issued", api_key=key.prefix, scopes=key.scopes)
    return IssuedKey(key, secret)


def revoke(key: ApiKey) -> bool:
    """Takes the key back for good, at once. False if that had been done before."""
    changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])
    if changed:
        log.info("api key revoked", api_key=key.prefix)
    return bool(changed)
