"""Where prompts may go: outside development, nowhere but into the zones of this organisation."""

from __future__ import annotations

import socket
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from django.conf import settings

from llmbackends.catalog import Locality, Provider
from llmbackends.errors import AddressNotAllowed, RemoteNotAllowed
from llmbackends.registry import get_provider
from llmbackends.spec import BackendSpec
from llmbackends.texts import Problem, gettext_noop
from llmbackends.zones import INTERNET, AddressPolicy, Target, Zone, is_name, target_of

LOOK_UP_TIMEOUT_S = 3.0


def addresses() -> AddressPolicy:
    """Where this installation may call, whatever calls."""
    zones = tuple(settings.OUTGOING_ZONES)
    return _addresses(zones, frozenset(settings.OWN_PORTS), settings.LLM_ALLOW_REMOTE)


@lru_cache(maxsize=4)
def _addresses(zones: tuple[Zone, ...], own_ports: frozenset[int], has_internet: bool) -> AddressPolicy:
    return AddressPolicy((*zones, INTERNET) if has_internet else zones, own_ports)


def ensure_allowed(spec: BackendSpec) -> None:
    """By all that can be told without a look-up: of a name that no zone lists, the rest is told when it is
    saved by a form, activated and connected to.

    Raises RemoteNotAllowed, AddressNotAllowed (`details["problems"]` as in require_valid), UnknownProvider.
    """
    provider = get_provider(spec.provider)
    if provider.locality is Locality.REMOTE and not settings.LLM_ALLOW_REMOTE:
        problem = Problem(_REMOTE, {"provider": provider.label})
        raise RemoteNotAllowed(str(problem), details={"problems": (problem,)})
    if spec.endpoint_url:
        target = _target_of(spec)
        addresses().require_host(target.host, target.port)


def ensure_reachable(spec: BackendSpec) -> None:
    """As `ensure_allowed`, and looks the endpoint's name up where that decides: not in a transaction.

    The provider's own public endpoint is not looked up: nobody chose it, and connecting looks again.
    """
    ensure_allowed(spec)
    provider = get_provider(spec.provider)
    if not spec.endpoint_url or _is_own_service(provider, spec.endpoint_url):
        return
    require_reachable(_target_of(spec), addresses())


def require_reachable(target: Target, policy: AddressPolicy) -> None:
    """Looks the name up if no zone lists it: it takes up to LOOK_UP_TIMEOUT_S. Raises AddressNotAllowed."""
    policy.require_host(target.host, target.port)
    if not is_name(target.host) or policy.lists(target.host, target.port):
        return
    found = _look_up(target.host)
    if not found:
        policy.refuse_unknown(target.host)
    policy.require_resolved(target.host, target.port, found)


def _is_own_service(provider: Provider, endpoint_url: str) -> bool:
    return provider.locality is Locality.REMOTE and endpoint_url == provider.default_endpoint


def _target_of(spec: BackendSpec) -> Target:
    try:
        return target_of(spec.endpoint_url)
    except ValueError:
        problem = Problem(_NO_TARGET)
        raise AddressNotAllowed(str(problem), details={"problems": (problem,)}) from None


def _look_up(name: str) -> list[str]:
    """All addresses of a name, none if there is no answer in time.

    In a thread that nobody waits for longer: nothing stops a look-up that hangs.
    """
    answers: SimpleQueue[list[str]] = SimpleQueue()
    Thread(target=lambda: answers.put(_addresses_of(name)), name="look-up", daemon=True).start()
    try:
        return answers.get(timeout=LOOK_UP_TIMEOUT_S)
    except Empty:
        return []


def _addresses_of(name: str) -> list[str]:
    try:
        found: list[Any] = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]


_REMOTE = gettext_noop(
    "%(provider)s is remote: prompts would leave this organisation, which this installation forbids. Use an "
    "on-premise provider. LLM_ALLOW_REMOTE=true is for development and test alone."
)
_NO_TARGET = gettext_noop(
    "It is open to doubt which host this endpoint URL means, so nothing is sent there. It must look like "
    "http://host:port or https://host/path."
)
