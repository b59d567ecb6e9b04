"""A stored key goes to the address that it was entered for, and to no other.

An editor could else have the hidden key sent to a host of their own. The address is scheme, host and port; it
is sealed together with the key (sealing.py), so that no way of changing a row gets around it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.zones import target_of

from .errors import EncryptionKeysMalformed, SecretBoundElsewhere, SecretUndecryptable
from .sealing import SealedSecret

if TYPE_CHECKING:
    from .models import LLMConfig


def receiver_of(provider_name: str, endpoint_url: str) -> str:
    """The address that a key would be sent to, the same for all its spellings; "" if there is none."""
    from .specs import endpoint_of  # which needs the model

    try:
        return target_of(endpoint_of(get_provider(provider_name), endpoint_url)).origin
    except (UnknownProvider, ValueError):
        return ""


def kept_key(stored: LLMConfig, *, provider: str, endpoint_url: str) -> SealedSecret:
    """The key that stays stored where none is entered. Raises SecretBoundElsewhere.

    One that cannot be read stays as well while the address does, so that the rest can still be edited.
    """
    receiver = receiver_of(provider, endpoint_url)
    if stored.api_key and receiver != stored.key_receiver:
        raise SecretBoundElsewhere
    with suppress(SecretUndecryptable, EncryptionKeysMalformed):
        stored.api_key.reveal(receiver)
    return stored.api_key
