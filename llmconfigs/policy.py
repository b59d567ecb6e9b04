"""Where prompts may go: outside development, nowhere but to this organisation's own machines."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

from llmbackends.catalog import Locality, Provider
from llmbackends.errors import RemoteNotAllowed
from llmbackends.registry import get_provider
from llmbackends.spec import BackendSpec
from llmbackends.texts import Problem, gettext_noop

_LOCAL_SUFFIXES = ("local", "internal", "lan", "home.arpa")
_LOCAL_NETWORKS = tuple(
    ipaddress.ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
# The metadata service of a cloud hands out credentials; this one answers inside the private range.
_METADATA_NETWORK = ipaddress.ip_network("fd00:ec2::/32")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def ensure_allowed(spec: BackendSpec) -> None:
    """Raises RemoteNotAllowed (`details["problems"]` as in require_valid), and UnknownProvider."""
    provider = get_provider(spec.provider)
    if not settings.LLM_ALLOW_REMOTE and is_remote(provider, spec.endpoint_url):
        problem = _refusal(provider, _host_of(spec.endpoint_url))
        raise RemoteNotAllowed(str(problem), details={"problems": (problem,)})


def is_remote(provider: Provider, endpoint_url: str) -> bool:
    if provider.locality is Locality.BY_HOST:
        return not is_local_host(_host_of(endpoint_url), settings.LLM_LOCAL_DOMAINS)
    return provider.locality is Locality.REMOTE


def is_local_host(host: str, local_domains: Iterable[str]) -> bool:
    """Whether `host` (a name or an IP literal, lower or upper case) is on-premise by its form alone.

    Nothing is resolved. A host in an unusual form, such as a number for an IPv4 address, is not local:
    what resolves it may read it in another way than we do.
    """
    host = host.lower().removesuffix(".")
    if (address := _address(host)) is not None:
        return _is_local_address(address)
    if not _HOST_NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return False
    suffixes = (*_LOCAL_SUFFIXES, *(domain.lower().strip(".") for domain in local_domains))
    return "." not in host or any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_local_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address not in _METADATA_NETWORK and any(address in network for network in _LOCAL_NETWORKS)


def _host_of(url: str) -> str:
    """The host that a client would connect to; "", which is never local, where that is open to doubt."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    doubtful = "@" in parts.netloc or "\\" in url or not url.isprintable() or " " in url
    return "" if doubtful else host


def _refusal(provider: Provider, host: str) -> Problem:
    return Problem(_REMOTE_AT if host else _REMOTE, {"provider": provider.label, "host": host})


_REMOTE = gettext_noop(
    "%(provider)s is remote: prompts would leave this organisation, which this installation forbids. Use an "
    "on-premise provider. A domain of your own goes into LLM_LOCAL_DOMAINS; LLM_ALLOW_REMOTE=true is for "
    "development and test alone."
)
_REMOTE_AT = gettext_noop(
    "%(provider)s is remote at %(host)s: prompts would leave this organisation, which this installation "
    "forbids. Use an on-premise provider. A domain of your own goes into LLM_LOCAL_DOMAINS; "
    "LLM_ALLOW_REMOTE=true is for development and test alone."
)
