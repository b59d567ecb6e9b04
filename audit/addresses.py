"""Where a request comes from, as far as that can be known."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The IP address of the client, or of the nearest proxy that is not ours; None if there is none.

    Behind settings.TRUSTED_PROXY_COUNT proxies of our own, each of which appends whom it heard to
    X-Forwarded-For, it is the entry so many places from the right: what stands left of it, anybody can have
    written. With fewer entries the request did not come through all of them, and none is believed.
    """
    direct = _valid(request.META.get("REMOTE_ADDR", ""))
    count = settings.TRUSTED_PROXY_COUNT
    if not count:
        return direct
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    forwarded = _valid(entries[-count]) if len(entries) >= count else None
    return forwarded or direct


def _valid(text: str) -> str | None:
    """In its shortest form, an IPv4 address as such; without an IPv6 zone, which PostgreSQL does not take."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
