"""The one place where a spec becomes a backend."""

from __future__ import annotations

from llmbackends import registry
from llmbackends.base import ChatBackend
from llmbackends.spec import BackendSpec
from llmbackends.validation import require_valid

from . import policy


def build(spec: BackendSpec) -> ChatBackend:
    """Raises ConfigurationError (RemoteNotAllowed and UnknownProvider among it)."""
    policy.ensure_allowed(spec)
    return registry.build(spec)


def ensure_buildable(spec: BackendSpec) -> None:
    """Raises what `build` would, without building."""
    policy.ensure_allowed(spec)
    require_valid(spec, registry.get_provider(spec.provider))
