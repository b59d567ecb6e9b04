"""Whether a spec can work with its provider, told before anything is built or sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from . import wire as wires
from .catalog import KeyPolicy, Provider, Schema
from .errors import ConfigurationError
from .spec import BackendSpec
from .texts import Problem, gettext_noop


def require_valid(spec: BackendSpec, provider: Provider) -> None:
    """Raises ConfigurationError with everything that is wrong; no key is in its message.

    `details["problems"]` is a tuple of Problem, which together say what the message says.
    """
    found = [each for problems in problems_by_field(spec, provider).values() for each in problems]
    if found:
        values = {"label": provider.label, "provider": provider.id}
        problems = (Problem(_NOT_RIGHT, values), *found)
        raise ConfigurationError(" ".join(map(str, problems)), details={"problems": problems})


def problems_by_field(spec: BackendSpec, provider: Provider) -> dict[str, list[Problem]]:
    """What is wrong, by the field of BackendSpec; "limits" are its numbers."""
    return {
        "api_key": list(_key_problems(spec, provider)),
        "endpoint_url": list(_endpoint_problems(spec, provider)),
        "limits": list(_limit_problems(spec)),
        "sampling": schema_problems(_as_json(spec.sampling.given()), provider.parameters),
        "options": _option_problems(spec, provider),
        "model": list(_model_problems(spec, provider)),
    }


def schema_problems(values: Mapping[str, Any], schema: Schema) -> list[Problem]:
    """What is wrong with `values`, each named once."""
    errors = Draft202012Validator(dict(schema)).iter_errors(dict(values))
    problems = map(_schema_problem, sorted(errors, key=lambda each: list(map(str, each.path))))
    return list({str(problem): problem for problem in problems}.values())


def _key_problems(spec: BackendSpec, provider: Provider) -> Iterator[Problem]:
    key = spec.api_key.reveal()
    if not key:
        if provider.key is KeyPolicy.REQUIRED:
            yield Problem(gettext_noop("An API key is required."))
        return
    if provider.key is KeyPolicy.NONE:
        yield Problem(gettext_noop("This provider takes no API key."))
    if not (key.isascii() and key.isprintable()) or " " in key:
        yield Problem(
            gettext_noop(
                "The API key holds a character that no key has (a space, a line end or one outside ASCII)."
            )
        )
    if not key.startswith(provider.key_prefix):
        template = gettext_noop("The API keys of this provider start with “%(prefix)s”.")
        yield Problem(template, {"prefix": provider.key_prefix})


def _endpoint_problems(spec: BackendSpec, provider: Provider) -> Iterator[Problem]:
    if not spec.endpoint_url:
        if provider.endpoint_required:
            yield Problem(gettext_noop("An endpoint URL is required."))
        return
    try:
        parts = urlsplit(spec.endpoint_url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        yield Problem(gettext_noop("The endpoint is not a URL."))
        return
    if parts.scheme not in ("http", "https") or not has_host:
        yield Problem(gettext_noop("The endpoint URL must look like http://host:port or https://host/path."))
    if parts.username is not None or parts.query or parts.fragment:
        yield Problem(gettext_noop("The endpoint URL must have no user name, password, query or fragment."))


def _option_problems(spec: BackendSpec, provider: Provider) -> list[Problem]:
    """By the schema; where that has no complaint, by the wire format, which knows what they mean together."""
    problems = schema_problems(_as_json(spec.options), provider.options)
    if problems or provider.wire is None:
        return problems
    try:
        wires.load(provider.wire).check_options(spec.options)
    except ModuleNotFoundError:  # a plugin's own language, which checks its options when it is built
        return []
    except ConfigurationError as error:
        template = gettext_noop("The options cannot work as they are. %(detail)s")
        return [Problem(template, {"detail": error.message})]
    return []


def _model_problems(spec: BackendSpec, provider: Provider) -> Iterator[Problem]:
    if provider.wire is not None and not spec.model:
        yield Problem(gettext_noop("A model name is required."))


def _limit_problems(spec: BackendSpec) -> Iterator[Problem]:
    for name in ("timeout_s", "connect_timeout_s", "idle_timeout_s", "max_connections"):
        if not getattr(spec, name) > 0:
            yield Problem(_BY_BOUND["exclusiveMinimum"], {"name": name, "bound": 0})
    if spec.max_retries < 0:
        yield Problem(_BY_BOUND["minimum"], {"name": "max_retries", "bound": 0})


_NOT_RIGHT = gettext_noop("%(label)s (%(provider)s) is not configured right.")
_BY_BOUND = {
    "minimum": gettext_noop("The value of %(name)s must be at least %(bound)s."),
    "maximum": gettext_noop("The value of %(name)s must be at most %(bound)s."),
    "exclusiveMinimum": gettext_noop("The value of %(name)s must be greater than %(bound)s."),
    "exclusiveMaximum": gettext_noop("The value of %(name)s must be less than %(bound)s."),
    "minLength": gettext_noop("The length of %(name)s must be at least %(bound)s."),
    "minItems": gettext_noop("The number of items in %(name)s must be at least %(bound)s."),
    "maxItems": gettext_noop("The number of items in %(name)s must be at most %(bound)s."),
}
_BY_TYPE = {
    "string": gettext_noop("The value of %(name)s must be a text."),
    "integer": gettext_noop("The value of %(name)s must be a whole number."),
    "number": gettext_noop("The value of %(name)s must be a number."),
    "boolean": gettext_noop("The value of %(name)s must be true or false."),
    "array": gettext_noop("The value of %(name)s must be a list."),
    "object": gettext_noop("The value of %(name)s must be a JSON object."),
}
_ENUM = gettext_noop("The value of %(name)s must be one of: %(allowed)s.")
_MISSING = gettext_noop("Missing: %(names)s.")
_UNKNOWN = gettext_noop("Not known: %(names)s. Known are: %(known)s.")
_NOTHING_KNOWN = gettext_noop("Not known: %(names)s. There is nothing to set here.")
_OTHER_RULE = gettext_noop("The value of %(name)s does not fit the rule %(rule)s.")
_OTHER_RULE_OF_ALL = gettext_noop("The values do not fit the rule %(rule)s.")


def _schema_problem(error: ValidationError) -> Problem:
    """In our own words, which show no value, as a text may be a secret."""
    rule, bound = str(error.validator), cast(Any, error.validator_value)
    if rule == "required":
        given = cast(Schema, error.instance)
        return Problem(_MISSING, {"names": _paths(error, (each for each in bound if each not in given))})
    if rule == "additionalProperties":
        return _unknown_names(error)
    name = _path(error)
    if rule in _BY_BOUND and name:
        return Problem(_BY_BOUND[rule], {"name": name, "bound": bound})
    if rule == "type" and isinstance(bound, str) and bound in _BY_TYPE and name:
        return Problem(_BY_TYPE[bound], {"name": name})
    if rule == "enum" and name:
        return Problem(_ENUM, {"name": name, "allowed": ", ".join(map(str, bound))})
    return Problem(_OTHER_RULE if name else _OTHER_RULE_OF_ALL, {"name": name, "rule": f"{rule}: {bound}"})


def _unknown_names(error: ValidationError) -> Problem:
    schema, names = cast(Schema, error.schema), cast(Iterable[str], error.instance)
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    unknown = [
        each
        for each in names
        if each not in known and not any(re.search(pattern, each) for pattern in patterns)
    ]
    values = {"names": _paths(error, unknown), "known": ", ".join([*known, *patterns])}
    return Problem(_UNKNOWN if values["known"] else _NOTHING_KNOWN, values)


def _path(error: ValidationError, *more: str) -> str:
    return ".".join(map(str, [*error.absolute_path, *more]))


def _paths(error: ValidationError, names: Iterable[str]) -> str:
    return ", ".join(_path(error, name) for name in names)


def _as_json(value: Any) -> Any:
    """With lists for tuples and dicts for other mappings, which is all that a JSON Schema knows."""
    if isinstance(value, Mapping):
        return {name: _as_json(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_as_json(each) for each in value]
    return value
