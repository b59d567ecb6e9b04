"""Where calls may go: named zones of hosts and networks, and the addresses that nobody ever calls.

A host name that a zone lists may resolve to any address but those; of a name that none lists every address
must lie in a zone's network. Everything here is told from what is given: nothing is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NoReturn
from urllib.parse import urlsplit

from .errors import AddressNotAllowed
from .texts import Problem, gettext_noop

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

INTERNET_NAME: Final = "internet"
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

NEVER_CALLED: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this machine, by another name
        "169.254.0.0/16",  # link-local, where the metadata services of most clouds are
        "100.100.100.200/32",  # metadata: Alibaba
        "168.63.129.16/32",  # metadata: Azure
        "192.0.0.192/32",  # metadata: Oracle
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, given up
        "ff00::/8",  # multicast
        "100::/64",  # discard
        "fd00:ec2::/32",  # metadata: AWS
        "fd20:ce::/32",  # metadata: Google
        "fd00:c1::/32",  # metadata: Oracle
        "fd00:42::/32",  # metadata: Scaleway
    )
)
_IPV6_LOOPBACK = ip_address("::1")
_IPV4_COMPATIBLE = ip_network("::/96")  # given up; :: itself is in it
_WITH_IPV4_AT_THE_END = tuple(
    ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")
)
_ISATAP = (0x00005EFE, 0x02005EFE)

_NAME = re.compile(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL points at: `host` is a name or an IP address in lower case, without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """The same for all spellings: https://h and https://H.:443/path are one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HostEntry:
    """`pattern`: a name, or "*.suffix" for all names below it. `port`: None is every port."""

    pattern: str
    port: int | None = None

    def lists(self, host: str, port: int) -> bool:
        if self.port not in (None, port):
            return False
        return host.endswith(self.pattern[1:]) if self.pattern.startswith("*.") else host == self.pattern


@dataclass(frozen=True, slots=True)
class NetworkEntry:
    network: Network
    port: int | None = None

    def holds(self, address: Address, port: int) -> bool:
        return self.port in (None, port) and address in self.network


@dataclass(frozen=True, slots=True)
class Zone:
    """`is_internet`: every address of the public internet is in it."""

    name: str
    hosts: tuple[HostEntry, ...] = ()
    networks: tuple[NetworkEntry, ...] = ()
    is_internet: bool = False

    def lists(self, host: str, port: int) -> bool:
        return any(entry.lists(host, port) for entry in self.hosts)

    def holds(self, address: Address, port: int) -> bool:
        if self.is_internet:
            return all(each.is_global for each in (address, *_embedded(address)))
        return any(entry.holds(address, port) for entry in self.networks)


INTERNET: Final = Zone(INTERNET_NAME, is_internet=True)
LOOPBACK: Final = Zone(
    "loopback",
    hosts=(HostEntry("localhost"),),
    networks=(NetworkEntry(ip_network("127.0.0.0/8")), NetworkEntry(ip_network("::1/128"))),
)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where calls may go. `closed_ports`: of the application's own services, on which nothing is called.
    `setting`: in which an operator names the zones.

    All that require raise AddressNotAllowed (`details["problems"]` as in validation.require_valid).
    """

    zones: tuple[Zone, ...] = (LOOPBACK,)
    closed_ports: frozenset[int] = frozenset()
    setting: str = "OUTGOING_ZONES"

    def lists(self, host: str, port: int) -> bool:
        return any(zone.lists(host, port) for zone in self.zones)

    def require_host(self, host: str, port: int) -> None:
        """What can be told of a host before a name is looked up: all of an IP address."""
        if port in self.closed_ports:
            _refuse(_CLOSED_PORT, port=port)
        if (address := _literal(host)) is not None:
            self._require(host, [address], port, is_listed=False)
        elif not is_name(host):
            _refuse(_UNUSUAL, host=host)

    def require_resolved(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """`addresses`: all that the name resolves to; one that is not allowed is enough to refuse it."""
        self.require_host(host, port)
        self._require(host, map(_parsed, addresses), port, is_listed=self.lists(host, port))

    def refuse_unknown(self, host: str) -> NoReturn:
        """For a name that no zone lists and that resolves to nothing."""
        _refuse(_UNKNOWN, host=host, zones=self._names, setting=self.setting)

    def _require(self, host: str, addresses: Iterable[Address], port: int, *, is_listed: bool) -> None:
        for address in addresses:
            shown = str(address) if host == str(address) else f"{host} ({address})"
            if is_never_called(address):
                _refuse(_NEVER, address=shown)
            if not is_listed and not any(zone.holds(address, port) for zone in self.zones):
                _refuse(_OUTSIDE, address=shown, port=port, zones=self._names, setting=self.setting)

    @property
    def _names(self) -> str:
        return ", ".join(zone.name for zone in self.zones) or "none"


LOOPBACK_ONLY: Final = AddressPolicy()


def target_of(url: str) -> Target:
    """Raises ValueError where it is open to doubt which host a client would connect to."""
    parts = urlsplit(url)
    host, scheme = (parts.hostname or "").removesuffix("."), parts.scheme
    doubtful = "@" in parts.netloc or "\\" in url or not url.isprintable() or " " in url
    port = parts.port
    if doubtful or not host or scheme not in DEFAULT_PORTS or port == 0:
        raise ValueError("This is no plain http:// or https:// URL.")
    if (address := _literal(host)) is not None:
        host = str(address)
    return Target(scheme, host, DEFAULT_PORTS[scheme] if port is None else port)


def is_name(host: str) -> bool:
    """Whether it is a host name that every resolver reads as one.

    A number for an IPv4 address, in whatever form, is none: what resolves it may read it in another way.
    """
    return bool(_NAME.fullmatch(host)) and not _NUMBER.fullmatch(host.rpartition(".")[2])


def is_never_called(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address in _IPV4_COMPATIBLE and address != _IPV6_LOOPBACK:
        return True
    return any(each in network for each in (address, *_embedded(address)) for network in NEVER_CALLED)


def _literal(host: str) -> Address | None:
    try:
        return _parsed(host) if "%" not in host else None
    except ValueError:
        return None


def _parsed(text: str) -> Address:
    """An IPv4 address in its IPv6 form as itself: so does the system read it."""
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that tunnels and translators would make of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    at_the_end = any(address in network for network in _WITH_IPV4_AT_THE_END)
    if at_the_end or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)


def _refuse(template: str, **values: object) -> NoReturn:
    problem = Problem(template, values)
    raise AddressNotAllowed(str(problem), details={"problems": (problem,)})


_CLOSED_PORT = gettext_noop(
    "Port %(port)s belongs to this application's own database or Redis, so no service is called on it. Let "
    "the service listen on another port."
)
_UNUSUAL = gettext_noop(
    "“%(host)s” is neither a plain host name nor a plain IP address. Write an IPv4 address as four decimal "
    "numbers, and a name in ASCII."
)
_NEVER = gettext_noop(
    "%(address)s is never called: it is link-local, multicast, reserved, or where a cloud hands out "
    "credentials."
)
_OUTSIDE = gettext_noop(
    "%(address)s, port %(port)s, is in none of the zones that this installation may call (%(zones)s). Use a "
    "service inside them, or have its host or network added to %(setting)s."
)
_UNKNOWN = gettext_noop(
    "The name “%(host)s” cannot be resolved here, and none of the zones that this installation may call "
    "(%(zones)s) lists it. Correct it, or have it added to %(setting)s."
)
