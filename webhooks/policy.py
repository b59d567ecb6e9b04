"""Where webhooks may go: what a client registers is called from inside the operator's networks."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import structlog
from django.conf import settings

from llmbackends.errors import AddressNotAllowed
from llmbackends.zones import INTERNET, AddressPolicy, Target, Zone
from llmbackends.zones import target_of as plain_target_of
from llmconfigs.policy import require_reachable as require_name_reachable

from .errors import UrlRefused

log = structlog.get_logger(__name__)

MOST_CHARACTERS: Final = 500


def addresses(scheme: str) -> AddressPolicy:
    """Of calls to http:// URLs, which anybody on the way can read, only the zones that the operator lists."""
    has_internet = settings.LLM_ALLOW_REMOTE and scheme == "https"
    return _addresses(tuple(settings.WEBHOOK_ZONES), frozenset(settings.OWN_PORTS), has_internet)


@lru_cache(maxsize=4)
def _addresses(zones: tuple[Zone, ...], own_ports: frozenset[int], has_internet: bool) -> AddressPolicy:
    return AddressPolicy((*zones, INTERNET) if has_internet else zones, own_ports, setting="WEBHOOK_ZONES")


def target_of(url: str) -> Target:
    """Raises UrlRefused for a URL of which not everybody would read the same host, or that holds more than
    says where to send."""
    if len(url) > MOST_CHARACTERS:
        raise UrlRefused(f"The URL is too long. It may have {MOST_CHARACTERS} characters at most.")
    if not url.isascii():
        raise UrlRefused("Write the URL in ASCII: the host in its xn-- form, the rest percent-encoded.")
    if "#" in url:
        raise UrlRefused("A URL to call has no #fragment. Leave it out.")
    try:
        if not url.startswith(("https://", "http://")):
            raise ValueError
        return plain_target_of(url)
    except ValueError:
        raise UrlRefused(
            "Give a plain URL such as https://app.example.com/hooks, without a user name or password."
        ) from None


def require_reachable(url: str) -> Target:
    """Looks the host's name up where that decides, which takes its time: not in a transaction.

    Raises UrlRefused. Its reason is the same for each host that is refused: else whoever has a key could find
    out, name by name, what the operator's networks look like. The log has the real one.
    """
    target = target_of(url)
    try:
        require_name_reachable(target, addresses(target.scheme))
    except AddressNotAllowed as error:
        log.info("webhook_url_refused", origin=target.origin, reason=error.message)
        raise UrlRefused(_ELSEWHERE) from None
    return target


_ELSEWHERE: Final = (
    "No webhooks are sent to this address: its host is not known here, or lies in no network that this "
    "service may call, or may be called with https:// alone. Ask your administrator."
)
