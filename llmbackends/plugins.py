"""Providers from installed packages.

A package offers its providers by an entry point of the group "changeover.backends" that names a function:

    API_VERSION = 1

    def register(registry):
        registry.register_backend(Provider(id="mine", ...), MyBackend)

The function's module says in API_VERSION for which version of this interface it was written. A plugin
registers all its providers or none: one that fails is reported and skipped, and harms no other.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .base import ChatBackend
from .catalog import Provider
from .errors import ConfigurationError
from .spec import BackendSpec
from .texts import Sentence, gettext_noop

logger = logging.getLogger(__name__)

GROUP = "changeover.backends"
API_VERSION = 1

Factory = Callable[[BackendSpec, Provider], ChatBackend]


@dataclass(frozen=True, slots=True)
class Registration:
    provider: Provider
    factory: Factory | None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.provider.id, *self.provider.aliases)


@dataclass(frozen=True, slots=True)
class PluginReport:
    """What became of one entry point. `error` is None if it was loaded; `providers` are the ids it added."""

    name: str
    distribution: str
    providers: tuple[str, ...] = ()
    error: str | None = None


class PluginRegistry:
    """What a plugin's function gets to register its providers with."""

    api_version = API_VERSION

    def __init__(self, require_acceptable: Callable[[Registration], None]) -> None:
        self._require_acceptable = require_acceptable
        self.registrations: list[Registration] = []

    def register_backend(self, provider: Provider, factory: Factory | None = None) -> None:
        """Raises ConfigurationError if the id or an alias is taken, or if it can never be built."""
        registration = Registration(provider, factory)
        self._require_acceptable(registration)
        self.registrations.append(registration)


def load_all(
    require_acceptable: Callable[[Registration], None], register: Callable[[Provider, Factory | None], None]
) -> Iterator[PluginReport]:
    for entry_point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        distribution = entry_point.dist.name if entry_point.dist is not None else "unknown"
        try:
            ids = _load(entry_point, require_acceptable, register)
        except (Exception, SystemExit) as error:
            logger.exception("The plugin %s of %s is skipped.", entry_point.name, distribution)
            yield PluginReport(entry_point.name, distribution, error=f"{type(error).__name__}: {error}")
        else:
            yield PluginReport(entry_point.name, distribution, ids)


def _load(
    entry_point: EntryPoint,
    require_acceptable: Callable[[Registration], None],
    register: Callable[[Provider, Factory | None], None],
) -> tuple[str, ...]:
    function = entry_point.load()
    _require_compatible(function)
    registry = PluginRegistry(require_acceptable)
    function(registry)
    registrations = registry.registrations
    _require_distinct(registrations)
    for registration in registrations:
        register(registration.provider, registration.factory)
    return tuple(registration.provider.id for registration in registrations)


def _require_compatible(function: Any) -> None:
    module = sys.modules.get(getattr(function, "__module__", ""))
    version = getattr(module, "API_VERSION", None)
    if version != API_VERSION:
        raise ConfigurationError(
            Sentence(
                gettext_noop(
                    "It was written for version %(version)s of the plugin interface; this is version "
                    "%(ours)s."
                ),
                version=version,
                ours=API_VERSION,
            )
        )


def _require_distinct(registrations: list[Registration]) -> None:
    names = [name for registration in registrations for name in registration.names]
    if len(names) != len(set(names)):
        raise ConfigurationError(
            Sentence(gettext_noop("It registers a name twice: %(names)s."), names=", ".join(sorted(names)))
        )
