"""The key that this installation signs with, and those that it trusts."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from .signing import Keyring, Signer, derived_seed


def signer() -> Signer:
    return _signer(settings.AUDIT_SIGNING_KEY or derived_seed(settings.SECRET_KEY))


def trusted() -> Keyring:
    """The own key and settings.AUDIT_TRUSTED_KEYS, such as the own ones of former times."""
    return Keyring([signer().public_key, *settings.AUDIT_TRUSTED_KEYS])


@cache
def _signer(seed: bytes) -> Signer:
    return Signer(seed)
