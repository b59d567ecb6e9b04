"""Providers and their JSON schemas in a person's words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmbackends.catalog import Locality, Provider, Schema
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider, providers

_BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
_GROUPS = {
    Locality.LOCAL: gettext_lazy("On-premise"),
    Locality.REMOTE: gettext_lazy("Remote (development only)"),
    Locality.BY_HOST: gettext_lazy("On-premise or remote, by the endpoint's host"),
}


def bounds_in_words(schema: Schema) -> str:
    """For example "≥ 0, ≤ 2", or the values of an enumeration; "" if every value of the type fits."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return ", ".join(words.format(schema[name]) for name, words in _BOUNDS.items() if name in schema)


def provider_label(name: str) -> str:
    try:
        return _(get_provider(name).label)
    except UnknownProvider:
        return _("%(provider)s (not installed)") % {"provider": name}


def provider_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Grouped by where the prompts go."""
    grouped: dict[Locality, list[tuple[str, str]]] = {locality: [] for locality in _GROUPS}
    for provider in providers():
        grouped[provider.locality].append((provider.id, _(provider.label)))
    return [(str(_GROUPS[locality]), choices) for locality, choices in grouped.items() if choices]


def allowed_names(schema_of: Callable[[Provider], Schema]) -> SafeString:
    """One line for all providers that take the same names."""
    labels: dict[str, list[str]] = defaultdict(list)
    for provider in providers():
        labels[_names(schema_of(provider))].append(_(provider.label))
    lines = [(", ".join(names), text) for text, names in labels.items() if text]
    return format_html_join("", "<br>{}: {}", lines)


def with_allowed_names(sentence: str, schema_of: Callable[[Provider], Schema]) -> SafeString:
    return format_html("{}{}", sentence, allowed_names(schema_of))


def _names(schema: Schema) -> str:
    required, properties = schema.get("required", ()), schema.get("properties", {})
    return ", ".join(_name(name, each, required=name in required) for name, each in properties.items())


def _name(name: str, schema: Schema, *, required: bool) -> str:
    notes = [_("required")] if required else []
    if bounds := bounds_in_words(schema):
        notes.append(bounds)
    return f"{name} ({', '.join(notes)})" if notes else name
