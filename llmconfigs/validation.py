"""Whether a configuration could answer, told for each of its fields before it is saved."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from llmbackends import client_bounds
from llmbackends.catalog import Provider
from llmbackends.errors import AddressNotAllowed, RemoteNotAllowed, UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmbackends.texts import Problem
from llmbackends.validation import problems_by_field, schema_problems

from . import policy
from .errors import LLMConfigsError, SecretBoundElsewhere
from .models import LLMConfig
from .specs import OBJECT_FIELDS, endpoint_of, model_of
from .wording import explain, translate

_FORM_FIELDS = {
    "model": "model_name",
    "endpoint_url": "endpoint_url",
    "api_key": "api_key",
    "options": "options",
}


def validate(config: LLMConfig) -> None:
    """Raises ValidationError by field; writes the provider's id where an alias was given.

    A stored key that cannot be decrypted is not judged, so that the rest can still be edited; activating
    the configuration is refused until the key is entered again. The endpoint's name may be looked up, which
    takes up to policy.LOOK_UP_TIMEOUT_S.
    """
    try:
        provider = get_provider(config.provider)
    except UnknownProvider as error:
        text = _("There is no provider “%(provider)s”, or its plugin is not installed.")
        raise ValidationError({"provider": text % {"provider": config.provider}}) from error
    config.provider = provider.id
    problems = _json_problems(config) or _problems(config, provider)
    if problems:
        raise ValidationError(problems)


def _json_problems(config: LLMConfig) -> dict[str, str]:
    found = {name: _json_problem(getattr(config, name)) for name in OBJECT_FIELDS}
    return {name: text for name, text in found.items() if text}


def _json_problem(value: Any) -> str:
    if not isinstance(value, dict):
        return _('This must be a JSON object, such as {"name": "value"}.')
    if not _is_storable(value):
        return _("This holds a number or a character that JSON in the database cannot hold.")
    return ""


def _is_storable(value: Any) -> bool:
    """Python's JSON takes NaN, Infinity, lone surrogates and the character 0; PostgreSQL's does not."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text.replace("\\\\", "")


def _problems(config: LLMConfig, provider: Provider) -> dict[str, list[str]]:
    key, key_problem = _key_of(config)
    spec = BackendSpec(
        provider=provider.id,
        model=model_of(config),
        endpoint_url=endpoint_of(provider, config.endpoint_url),
        api_key=key or Secret(""),
        options=config.options,
    )
    found = problems_by_field(spec, provider)
    problems = {field: found[name] for name, field in _FORM_FIELDS.items()}
    problems["client_parameters"] = schema_problems(config.client_parameters, client_bounds.SCHEMA)
    problems["parameters"] = schema_problems(config.parameters, provider.parameters)
    if key is None:
        problems["api_key"] = [key_problem] if key_problem else []
    texts = {field: [translate(each) for each in each_of] for field, each_of in problems.items() if each_of}
    return _policy_problems(spec) | texts


def _key_of(config: LLMConfig) -> tuple[Secret | None, Problem | None]:
    """The key or, if it cannot be read, None and what is to be said about it."""
    try:
        return config.api_key.reveal(config.key_receiver), None
    except SecretBoundElsewhere as error:
        return None, error.problem
    except LLMConfigsError:
        return None, None


def _policy_problems(spec: BackendSpec) -> dict[str, list[str]]:
    try:
        policy.ensure_reachable(spec)
    except RemoteNotAllowed as error:
        return {"provider": [explain(error)]}
    except AddressNotAllowed as error:
        return {"endpoint_url": [explain(error)]}
    return {}
