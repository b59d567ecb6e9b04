"""From a stored configuration to the recipe of its backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from llmbackends.catalog import Provider
from llmbackends.client_bounds import ClientBounds
from llmbackends.errors import ConfigurationError, UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmbackends.texts import Problem, gettext_noop
from llmbackends.types import SAMPLING_NAMES, Sampling

from .errors import LLMConfigsError
from .models import LLMConfig

OBJECT_FIELDS = ("parameters", "client_parameters", "options")


def spec_from_config(config: LLMConfig) -> BackendSpec:
    """What the row says, with the provider's defaults where it says nothing; the key is decrypted.

    Raises ConfigurationError if the row cannot be read: an unknown provider, a key that cannot be decrypted
    or was entered for another address, JSON that is no object. Whether it fits the provider is asked when it
    is saved, activated and built.
    """
    provider = get_provider(config.provider)
    _require_objects(config)
    return BackendSpec(
        provider=provider.id,
        model=model_of(config),
        endpoint_url=endpoint_of(provider, config.endpoint_url),
        api_key=_key_of(config),
        timeout_s=config.timeout_seconds,
        max_retries=config.max_retries,
        sampling=sampling_from(config.parameters),
        client_bounds=ClientBounds(dict(config.client_parameters)),
        options=dict(config.options),
    )


def endpoint_of(provider: Provider, endpoint_url: str) -> str:
    """`endpoint_url`, or the provider's default where it is empty."""
    return (endpoint_url or provider.default_endpoint or "").rstrip("/")


def model_of(config: LLMConfig) -> str:
    """The model that the row means; "" if that cannot be told."""
    try:
        provider = get_provider(config.provider)
    except UnknownProvider:
        return config.model_name
    return config.model_name or default_model(provider, config.options)


def default_model(provider: Provider, options: Any) -> str:
    """The model where none is named: the provider's own, or the stem of the file that it loads."""
    path = options.get("model_path") if isinstance(options, Mapping) else None
    return provider.default_model or (PurePath(path).stem if isinstance(path, str) else "")


def sampling_from(parameters: Mapping[str, Any]) -> Sampling:
    """Names that no provider can take are left to the validation, which refuses them."""
    known = {name: value for name, value in parameters.items() if name in SAMPLING_NAMES}
    if isinstance(known.get("stop"), list):
        known["stop"] = tuple(known["stop"])
    return Sampling(**known)


def _key_of(config: LLMConfig) -> Secret:
    try:
        return config.api_key.reveal(config.key_receiver)
    except LLMConfigsError as error:
        raise _cannot_be_read(config, error.problem) from error


def _require_objects(config: LLMConfig) -> None:
    for name in OBJECT_FIELDS:
        if not isinstance(getattr(config, name), dict):
            template = gettext_noop("The value of %(name)s must be a JSON object.")
            raise _cannot_be_read(config, Problem(template, {"name": name}))


def _cannot_be_read(config: LLMConfig, problem: Problem) -> ConfigurationError:
    template = gettext_noop("The configuration “%(name)s” cannot be used.")
    problems = (Problem(template, {"name": config.name}), problem)
    return ConfigurationError(" ".join(map(str, problems)), details={"problems": problems})
