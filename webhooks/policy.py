"""Where webhooks may go."""

from __future__ import annotations

from llmbackends.zones import AddressPolicy
from llmconfigs import policy


def addresses(scheme: str) -> AddressPolicy:
    """Of calls to URLs of this scheme: "http" or "https"."""
    return policy.addresses()
