"""The one place where a spec becomes a backend."""

from __future__ import annotations

from dataclasses import replace

from llmbackends import registry
from llmbackends.base import ChatBackend
from llmbackends.spec import BackendSpec
from llmbackends.validation import require_valid

from . import policy


def build(spec: BackendSpec) -> ChatBackend:
    """Its calls go where this installation's zones allow, and nowhere else.

    Raises ConfigurationError (RemoteNotAllowed, AddressNotAllowed and UnknownProvider among it).
    """
    policy.ensure_allowed(spec)
    return registry.build(replace(spec, addresses=policy.addresses()))


def ensure_buildable(spec: BackendSpec) -> None:
    """Raises what `build` would, without building."""
    policy.ensure_allowed(spec)
    require_valid(spec, registry.get_provider(spec.provider))


def ensure_usable(spec: BackendSpec) -> None:
    """Raises what `build` would, and what connecting would for the endpoint's address: it may look a name up,
    so it takes up to policy.LOOK_UP_TIMEOUT_S and stays out of transactions and event loops.
    """
    ensure_buildable(spec)
    policy.ensure_reachable(spec)
