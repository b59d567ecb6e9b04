"""What the audit trail is told of a configuration: everything that it says but secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from audit.trail import Subject

from .models import LLMConfig
from .probing import Probe
from .specs import OBJECT_FIELDS

EFFECTIVE_FIELDS = (
    "provider", "model_name", "endpoint_url", "api_key", "parameters", "client_parameters", "options",
    "timeout_seconds", "max_retries",
)  # fmt: skip
"""Those that decide what is answered, and how; the name does not."""
FIELDS = ("name", *EFFECTIVE_FIELDS)
_CHANGED = "changed"
_SET = "set"


def subject_of(config: LLMConfig) -> Subject:
    return Subject("llmconfig", str(config.pk), config.name)


def values_of(config: LLMConfig) -> dict[str, Any]:
    """What is set, by its name: of an object's parts each by a name such as "options.context_size"."""
    return {name: _shown(name, value) for name, value in _flat(config, FIELDS) if value or value == 0}


def changes_between(before: LLMConfig, after: LLMConfig, fields: Iterable[str]) -> dict[str, Any]:
    """{name: {"from": …, "to": …}}, of a secret {name: "changed"}; empty if they say the same."""
    fields = tuple(fields)
    former, later = dict(_flat(before, fields)), dict(_flat(after, fields))
    names = [*former, *(name for name in later if name not in former)]
    return {
        name: _change(name, former.get(name), later.get(name))
        for name in names
        if former.get(name) != later.get(name) or (name in former) != (name in later)
    }


def fields_of(changes: Iterable[str]) -> set[str]:
    """The row's fields that these names belong to."""
    return {name.partition(".")[0] for name in changes}


def probe_details(probe: Probe) -> dict[str, Any]:
    if probe.failure is not None:
        return {"ok": False, "error": probe.failure.error_type, "message": probe.failure.message[:500]}
    return {"ok": True, "check_s": _rounded(probe.check_s), "answer_s": _rounded(probe.answer_s)}


def _flat(config: LLMConfig, fields: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for field in fields:
        value = getattr(config, field)
        if field in OBJECT_FIELDS and isinstance(value, Mapping):
            yield from ((f"{field}.{name}", part) for name, part in value.items())
        else:
            yield field, value


def _change(name: str, former: Any, later: Any) -> Any:
    if any(_is_secret(name, value) for value in (former, later)):
        return _CHANGED
    return {"from": former, "to": later}


def _shown(name: str, value: Any) -> Any:
    return _SET if _is_secret(name, value) else value


def _is_secret(name: str, value: Any) -> bool:
    """A header among the options may hold a password, so of those only what has no parts is told."""
    return name == "api_key" or (name.startswith("options") and isinstance(value, Mapping | list | tuple))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
