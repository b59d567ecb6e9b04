"""Which providers there are, and how a backend is built from a spec.

The catalogue's rows, then those of plugins, then what `register_backend` adds while the process runs.
Safe to use from several threads.
"""

from __future__ import annotations

from importlib import import_module
from threading import RLock
from typing import cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from . import plugins
from .base import ChatBackend
from .catalog import PROVIDERS, Provider
from .errors import ConfigurationError, UnknownProvider
from .plugins import Factory, PluginReport, Registration
from .spec import BackendSpec
from .texts import Sentence, gettext_noop
from .validation import require_valid

_DRIVERS = {
    "http": ("llmbackends.driver", "WireBackend"),
    "local": ("llmbackends.local", "LocalBackend"),
    "dummy": ("llmbackends.dummy", "DummyBackend"),
}
"""Module and class by Provider.driver; imported when first built, as llama.cpp takes its time."""


class Registry:
    def __init__(self, rows: tuple[Provider, ...] = PROVIDERS) -> None:
        self._lock = RLock()
        self._by_id: dict[str, Registration] = {}
        self._by_name: dict[str, Registration] = {}
        self._plugin_reports: tuple[PluginReport, ...] | None = None
        for row in rows:
            self.register_backend(row)

    def register_backend(self, provider: Provider, factory: Factory | None = None) -> None:
        """Adds a provider. `factory` builds its backends; None: the provider's driver does.

        Raises ConfigurationError if its id or an alias is taken, or if it can never be built.
        """
        registration = Registration(provider, factory)
        with self._lock:
            self._require_acceptable(registration)
            self._by_id[provider.id] = registration
            for name in registration.names:
                self._by_name[name] = registration

    def get_provider(self, id_or_alias: str) -> Provider:
        return self._registration(id_or_alias).provider

    def providers(self) -> tuple[Provider, ...]:
        self.load_plugins()
        with self._lock:
            return tuple(registration.provider for registration in self._by_id.values())

    def build(self, spec: BackendSpec) -> ChatBackend:
        registration = self._registration(spec.provider)
        require_valid(spec, registration.provider)
        factory = registration.factory or _load_driver(registration.provider.driver)
        return factory(spec, registration.provider)

    def load_plugins(self) -> tuple[PluginReport, ...]:
        """Loads the installed plugins, once; says the same each time."""
        with self._lock:
            if self._plugin_reports is None:
                self._plugin_reports = ()  # for a plugin that looks into the registry meanwhile
                self._plugin_reports = tuple(
                    plugins.load_all(self._require_acceptable, self.register_backend)
                )
            return self._plugin_reports

    def _registration(self, id_or_alias: str) -> Registration:
        self.load_plugins()
        with self._lock:
            if (found := self._by_name.get(id_or_alias)) is None:
                raise UnknownProvider(
                    Sentence(
                        gettext_noop("There is no provider %(id_or_alias)r. There are: %(names)s."),
                        id_or_alias=id_or_alias,
                        names=", ".join(sorted(self._by_id)),
                    )
                )
            return found

    def _require_acceptable(self, registration: Registration) -> None:
        if taken := [name for name in registration.names if name in self._by_name]:
            raise ConfigurationError(
                Sentence(
                    gettext_noop("The provider %(id)r is refused: the name %(taken)r is already taken."),
                    id=registration.provider.id,
                    taken=taken[0],
                )
            )
        _require_buildable(registration)


def _require_buildable(registration: Registration) -> None:
    provider = registration.provider
    if registration.factory is None and provider.driver not in _DRIVERS:
        raise ConfigurationError(
            Sentence(
                gettext_noop("The provider %(id)r needs a factory: there is no driver %(driver)r."),
                id=provider.id,
                driver=provider.driver,
            )
        )
    if registration.factory is None and provider.driver == "http" and provider.wire is None:
        raise ConfigurationError(
            Sentence(
                gettext_noop("The provider %(id)r names no wire format and has no factory."), id=provider.id
            )
        )
    for schema in (provider.parameters, provider.options):
        try:
            Draft202012Validator.check_schema(dict(schema))
        except SchemaError as error:
            raise ConfigurationError(
                Sentence(
                    gettext_noop("A schema of the provider %(id)r is not a JSON Schema: %(message)s"),
                    id=provider.id,
                    message=error.message,
                )
            ) from error


def _load_driver(name: str) -> Factory:
    module, attribute = _DRIVERS[name]
    return cast(Factory, getattr(import_module(module), attribute))


_default = Registry()
register_backend = _default.register_backend
get_provider = _default.get_provider
providers = _default.providers
build = _default.build
load_plugins = _default.load_plugins
