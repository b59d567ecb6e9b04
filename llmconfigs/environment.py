"""The fallback when no configuration is active: the LLM_ variables, each wrong one replaced by its default.

A wrong value is not fatal here: a service that answers with a default is worth more than one that does not
start. It is warned about, once in the life of the process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import structlog
from django.conf import settings

from llmbackends.catalog import OLLAMA, KeyPolicy, Provider, Schema
from llmbackends.client_bounds import SCHEMA as CLIENT_SCHEMA
from llmbackends.client_bounds import ClientBounds, default_bounds
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider, providers
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmbackends.types import Sampling
from llmbackends.validation import schema_problems

from .describing import bounds_in_words
from .specs import default_model, endpoint_of, sampling_from

log = structlog.get_logger(__name__)

FALLBACK_PROVIDER = OLLAMA.id
_SECONDS: Schema = {"exclusiveMinimum": 0}
_RETRIES: Schema = {"minimum": 0, "maximum": 10}


@dataclass(frozen=True)
class Variable:
    """A variable for one property of a provider's schema, which also gives its bounds."""

    name: str
    convert: Callable[[str], Any]
    default: Any


PARAMETERS: Mapping[str, Variable] = {
    "max_tokens": Variable("LLM_MAX_TOKENS", int, 4096),
    "temperature": Variable("LLM_TEMPERATURE", float, 0.7),
}
# Read only for a provider that loads a model file, which is one that has the option "model_path".
FILE_OPTIONS: Mapping[str, Variable] = {
    "model_path": Variable("LLM_MODEL_PATH", str, "llm-models/codellama.gguf"),
    "context_size": Variable("LLM_CONTEXT_SIZE", int, 4096),
    "threads": Variable("LLM_THREADS", int, 4),
}


@dataclass(frozen=True)
class EnvironmentReading:
    """`warnings`: a sentence for each value that was replaced or left out."""

    spec: BackendSpec
    warnings: tuple[str, ...]


def environment_spec(variables: Mapping[str, str] | None = None) -> BackendSpec:
    """The spec that the LLM_ variables describe (settings.LLM_ENVIRONMENT); logs each new warning.

    It may still lack something, such as the key: the registry says so when the backend is built.
    """
    reading = read_environment(settings.LLM_ENVIRONMENT if variables is None else variables)
    for warning in reading.warnings:
        _warn_once(warning)
    return reading.spec


def read_environment(variables: Mapping[str, str]) -> EnvironmentReading:
    reader = _Reader(variables)
    return EnvironmentReading(reader.spec(), tuple(reader.warnings))


_warned: set[str] = set()


def _warn_once(warning: str) -> None:
    if warning not in _warned:
        _warned.add(warning)
        log.warning("environment_value_replaced", problem=warning)


@dataclass
class _Reader:
    variables: Mapping[str, str]
    warnings: list[str] = field(default_factory=list)

    def spec(self) -> BackendSpec:
        provider = self.provider()
        options = self.options(provider)
        return BackendSpec(
            provider=provider.id,
            model=self.text("LLM_MODEL") or default_model(provider, options),
            endpoint_url=endpoint_of(provider, self.text("LLM_ENDPOINT")),
            api_key=self.api_key(provider),
            timeout_s=self.timeout_s(provider),
            max_retries=self.value(Variable("LLM_MAX_RETRIES", int, 2), _RETRIES),
            sampling=self.sampling(provider),
            client_bounds=ClientBounds(self.client_parameters()),
            options=options,
        )

    def text(self, name: str) -> str:
        return self.variables.get(name, "").strip()

    def provider(self) -> Provider:
        name = self.text("LLM_PROVIDER") or FALLBACK_PROVIDER
        try:
            return get_provider(name)
        except UnknownProvider:
            known = ", ".join(sorted(each.id for each in providers()))
            self.warn(f"LLM_PROVIDER={name!r} is no provider; using {FALLBACK_PROVIDER}. There are: {known}.")
            return get_provider(FALLBACK_PROVIDER)

    def api_key(self, provider: Provider) -> Secret:
        given = self.text("LLM_API_KEY")
        if given and provider.key is KeyPolicy.NONE:
            self.warn(f"LLM_API_KEY is left out: {provider.label} takes no key.")
            given = ""
        return Secret(given)

    def timeout_s(self, provider: Provider) -> float:
        variable = Variable("LLM_TIMEOUT_SECONDS", float, provider.default_timeout_s)
        return float(self.value(variable, _SECONDS))

    def sampling(self, provider: Provider) -> Sampling:
        return sampling_from(self.values(PARAMETERS, provider.parameters))

    def options(self, provider: Provider) -> dict[str, Any]:
        loads_a_file = "model_path" in provider.options.get("properties", {})
        from_variables = self.values(FILE_OPTIONS, provider.options) if loads_a_file else {}
        return from_variables | self.given_options()

    def given_options(self) -> dict[str, Any]:
        options = _object_in(self.text("LLM_OPTIONS") or "{}")
        if options is not None:
            return options
        # Its text is not quoted: a header among the options may hold a password.
        self.warn('LLM_OPTIONS is left out: it must be a JSON object, such as {"context_size": 4096}.')
        return {}

    def client_parameters(self) -> dict[str, Any]:
        text = self.text("LLM_CLIENT_PARAMETERS")
        if not text:
            return default_bounds()
        given = _object_in(text)
        if given is not None and not schema_problems(given, CLIENT_SCHEMA):
            return given
        self.warn(
            f"LLM_CLIENT_PARAMETERS={text!r} is not used: it must be a JSON object of parameters with their "
            'bounds, such as {"max_tokens": {}, "temperature": {"minimum": 0, "maximum": 1}}.'
        )
        return default_bounds()

    def values(self, variables: Mapping[str, Variable], schema: Schema) -> dict[str, Any]:
        """The variables of those properties that the schema has."""
        bounds: Mapping[str, Schema] = schema.get("properties", {})
        return {
            name: self.value(variable, bounds[name]) for name, variable in variables.items() if name in bounds
        }

    def value(self, variable: Variable, bounds: Schema) -> Any:
        text = self.text(variable.name)
        if not text:
            return variable.default
        try:
            value = variable.convert(text)
        except ValueError:
            value = None
        if value is not None and _is_within(value, bounds):
            return value
        rule = _in_words(variable, bounds)
        self.warn(f"{variable.name}={text!r} is not used: it must be {rule}. Using {variable.default}.")
        return variable.default

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_within(value: Any, bounds: Schema) -> bool:
    finite = not isinstance(value, float) or math.isfinite(value)
    return finite and jsonschema.Draft202012Validator(bounds).is_valid(value)


def _in_words(variable: Variable, bounds: Schema) -> str:
    kind = "a whole number" if variable.convert is int else "a number"
    return f"{kind} {bounds_in_words(bounds)}".rstrip()
