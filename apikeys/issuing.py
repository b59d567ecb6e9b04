"""Making keys, changing them and taking them back: each together with its event in the audit trail."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.actions import Action
from audit.changes import changes_between, plain
from audit.trail import Subject
from epochs import subjects
from epochs.advancing import advance
from llmbackends.secret import Secret

from .digests import digest
from .models import ApiKey
from .rights import require_within, rights_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

PREFIX_BYTES = 5
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """`secret` is the whole key, as the caller sends it. It is not stored: show it now or never."""

    key: ApiKey
    secret: Secret


def issue(
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    concurrent_requests: int | None = None,
    owner: User | None = None,
) -> IssuedKey:
    """A new key. Raises ValidationError on an empty name, an unknown scope or an expiry in the past; with an
    owner also on what that user may not give to it."""
    key = ApiKey(
        name=name.strip(),
        scopes=[str(scope) for scope in scopes],
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
        concurrent_requests=concurrent_requests,
        owner=owner,
    )
    key.full_clean(exclude=["prefix", "digest", "owner"])
    if owner is not None:
        require_within(rights_of(owner), key)
    return reissue(key)


def reissue(key: ApiKey) -> IssuedKey:
    """A new secret for the row, or the first one for a row that is not saved yet.

    The old secret ends at once. A revocation or an expiry stays as it is.
    """
    is_new = key._state.adding
    key.prefix = f"co_{secrets.token_hex(PREFIX_BYTES)}"
    secret = Secret(f"{key.prefix}_{secrets.token_urlsafe(SECRET_BYTES)}")
    key.digest = digest(secret.reveal())
    with transaction.atomic():
        key.save(update_fields=None if is_new else ["prefix", "digest"])
        trail.record(
            Action.KEY_ISSUED if is_new else Action.KEY_REISSUED, _subject(key), details=_rights(key)
        )
    log.info("api_key_issued", api_key=key.prefix, scopes=key.scopes)
    return IssuedKey(key, secret)


def change(key: ApiKey, fields: Collection[str]) -> bool:
    """Saves these fields as they are in `key`. False if none was changed."""
    with transaction.atomic():
        advance(subjects.Subject.KEYS)  # the lock of every change of a key
        changes = changes_between(ApiKey.objects.get(pk=key.pk), key, fields)
        if changes:
            key.save(update_fields=fields)
            trail.record(Action.KEY_CHANGED, _subject(key), details={"changes": changes})
    return bool(changes)


def revoke(key: ApiKey) -> bool:
    """Takes the key back for good, at once. False if that had been done before."""
    with transaction.atomic():
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
        if changed:
            trail.record(Action.KEY_REVOKED, _subject(key))
    key.refresh_from_db(fields=["revoked_at"])
    if changed:
        log.info("api_key_revoked", api_key=key.prefix)
    return bool(changed)


def delete(keys: Iterable[ApiKey]) -> None:
    """All or none. Raises ProtectedError if one is_protected()."""
    with transaction.atomic():
        gone = [(_subject(key), _rights(key), key.delete()) for key in keys]
        for subject, rights, _ in gone:
            trail.record(Action.KEY_DELETED, subject, details=rights)


def _subject(key: ApiKey) -> Subject:
    return Subject("apikey", str(key.pk), str(key))


def _rights(key: ApiKey) -> dict[str, object]:
    return {name: plain(getattr(key, name)) for name in ("scopes", "expires_at")}
