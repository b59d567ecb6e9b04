"""The zones as an operator writes them, in one line."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, ip_network

from .zones import INTERNET_NAME, NEVER_CALLED, HostEntry, Network, NetworkEntry, Zone, is_name

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def parse_zones(text: str) -> tuple[Zone, ...]:
    """Of "gpu=10.1.0.0/16, llm.bank.internal; lab=[fd12::1]:8000, *.lab.example".

    Zones have ";" between them, their entries ",". An entry is a host name, "*.suffix", an IP address or a
    network, each with ":port" if it is of one port only; an IPv6 one stands in brackets then.
    Raises ValueError that says which entry is wrong.
    """
    zones = tuple(_zone(part.strip()) for part in text.split(";") if part.strip())
    names = [zone.name for zone in zones]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"the zone {min(twice)!r} stands there twice")
    if not zones:
        raise ValueError("it names no zone")
    return zones


def _zone(text: str) -> Zone:
    name, equals, entries = text.partition("=")
    name = name.strip()
    if not equals or not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} must look like name=entry, entry")
    if name == INTERNET_NAME:
        raise ValueError(f"{INTERNET_NAME!r} is there by itself where LLM_ALLOW_REMOTE is true")
    found = [_entry(entry.strip().lower()) for entry in entries.split(",") if entry.strip()]
    if not found:
        raise ValueError(f"the zone {name!r} has no entry")
    hosts = tuple(each for each in found if isinstance(each, HostEntry))
    networks = tuple(each for each in found if isinstance(each, NetworkEntry))
    return Zone(name, hosts, networks)


def _entry(text: str) -> HostEntry | NetworkEntry:
    host, port = _split_port(text)
    if (network := _network(host)) is not None:
        if any(network.version == never.version and network.subnet_of(never) for never in NEVER_CALLED):  # type: ignore[arg-type]
            raise ValueError(f"{text!r} is an address that is never called")
        return NetworkEntry(network, port)
    host = host.removesuffix(".")
    if not is_name(host.removeprefix("*.")):
        raise ValueError(
            f"{text!r} is neither a host name nor an IP address or network, with or without :port"
        )
    return HostEntry(host, port)


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
    elif text.count(":") == 1:
        host, colon, port = text.partition(":")
    else:
        return text, None
    if colon == "" and port == "":
        return host, None
    if colon != ":" or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} has no port from 1 to 65535 after its colon")
    return host, int(port)


def _network(text: str) -> Network | None:
    try:
        network = ip_network(text)
    except ValueError:
        if "/" in text:
            raise ValueError(f"{text!r} is no network, such as 10.1.0.0/16 or fd12::/32") from None
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return IPv4Network((mapped, network.prefixlen - 96))
    return network
