"""Which key a request carries: the one function for every route."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from .digests import digest
from .errors import ExpiredApiKey, MissingApiKey, RevokedApiKey, UnknownApiKey
from .models import ApiKey

log = structlog.get_logger(__name__)

LAST_USED_INTERVAL = timedelta(minutes=1)


def authenticate(headers: Mapping[str, str]) -> ApiKey:
    """The key in `Authorization: Bearer` or, without a bearer token, in `x-api-key`. Raises InvalidApiKey.

    The secret is never compared: its digest is looked up by a unique index, so the time that takes tells
    nothing about how much of a guess was right.
    """
    now = timezone.now()
    key = ApiKey.objects.filter(digest=digest(_secret_in(headers))).first()
    if key is None:
        raise UnknownApiKey
    if key.is_revoked:
        raise RevokedApiKey
    if key.is_expired(now):
        raise ExpiredApiKey
    _note_use(key, now)
    return key


def _secret_in(headers: Mapping[str, str]) -> str:
    by_name = {name.lower(): value for name, value in headers.items()}
    scheme, _, token = by_name.get("authorization", "").strip().partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    secret = bearer or by_name.get("x-api-key", "").strip()
    if not secret:
        raise MissingApiKey
    return secret


def _note_use(key: ApiKey, now: datetime) -> None:
    """Writes at most once a minute, whatever the load: the condition also holds between processes."""
    before = now - LAST_USED_INTERVAL
    if key.last_used_at is not None and key.last_used_at > before:
        return
    due = Q(last_used_at=None) | Q(last_used_at__lte=before)
    try:
        with transaction.atomic():
            ApiKey.objects.filter(due, pk=key.pk).update(last_used_at=now)
    except DatabaseError:
        log.warning("last use of api key not stored", api_key=key.prefix, exc_info=True)
