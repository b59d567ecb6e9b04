"""Form fields made of the providers' JSON schemas, beside the JSON that holds whatever has no field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from llmbackends.catalog import Provider, Schema
from llmbackends.registry import providers

from .describing import bounds_in_words


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A value of `box` (the row's "options" or "parameters") that has a field of its own in the form.

    name: of the form's field. key: in the JSON. providers: the ids of those that take it.
    """

    box: str
    name: str
    key: str
    providers: tuple[str, ...]
    schema: Schema
    is_required: bool = False

    def form_field(self) -> forms.Field:
        """Never required: that depends on the provider that is chosen."""
        options: dict[str, Any] = {
            "label": _label(self),
            "required": False,
            "help_text": _help(self),
        }
        field: forms.Field = _KINDS[_kind(self.schema)](self.schema, options)
        field.widget.attrs |= {"data-providers": " ".join(self.providers)}
        if "default" in self.schema:
            field.widget.attrs["placeholder"] = str(self.schema["default"])
        return field

    def fits(self, value: Any) -> bool:
        """Whether the field can show this value as it is."""
        kind = _kind(self.schema)
        if kind == "enum":
            return value in self.schema["enum"]
        if kind == "boolean" or isinstance(value, bool):
            return kind == "boolean" and isinstance(value, bool)
        return isinstance(value, _TYPES[kind])


def option_fields(provider: Provider) -> list[SchemaField]:
    required = provider.options.get("required", ())
    return [
        SchemaField("options", f"option_{provider.id}_{key}", key, (provider.id,), schema, key in required)
        for key, schema in _simple(provider.options)
    ]


def parameter_fields() -> list[SchemaField]:
    """One for each parameter that any provider takes; where their bounds differ, the first one's are told."""
    found: dict[str, tuple[Schema, list[str]]] = {}
    for provider in providers():
        for key, schema in _simple(provider.parameters):
            found.setdefault(key, (schema, []))[1].append(provider.id)
    return [
        SchemaField("parameters", f"parameter_{key}", key, tuple(ids), schema)
        for key, (schema, ids) in found.items()
    ]


def all_fields() -> list[SchemaField]:
    return [*parameter_fields(), *(field for provider in providers() for field in option_fields(provider))]


def fields_for(provider_id: str, fields: list[SchemaField]) -> list[SchemaField]:
    return [field for field in fields if provider_id in field.providers]


def take_out(values: Any, fields: list[SchemaField]) -> tuple[dict[str, Any], Any]:
    """What goes into fields, by their names, and what remains for the JSON."""
    if not isinstance(values, Mapping):
        return {}, values
    taken = {field.key: field for field in fields if field.key in values and field.fits(values[field.key])}
    shown = {field.name: values[key] for key, field in taken.items()}
    return shown, {key: value for key, value in values.items() if key not in taken}


def _simple(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for key, each in schema.get("properties", {}).items():
        if _kind(each):
            yield key, each


def _kind(schema: Schema) -> str:
    """ "" of what only JSON can say."""
    if "enum" in schema:
        return "enum" if all(isinstance(value, str) for value in schema["enum"]) else ""
    kind = schema.get("type")
    return kind if isinstance(kind, str) and kind in ("string", "integer", "number", "boolean") else ""


def _label(field: SchemaField) -> str:
    """A plugin's schema need not have a title."""
    return _(field.schema["title"]) if field.schema.get("title") else field.key


def _help(field: SchemaField) -> str:
    notes = [_("required")] if field.is_required else []
    if "enum" not in field.schema and (bounds := bounds_in_words(field.schema)):
        notes.append(bounds)
    return ", ".join(notes)


def _number(field_class: type[forms.IntegerField]) -> Any:
    def make(schema: Schema, options: dict[str, Any]) -> forms.Field:
        return field_class(**options)

    return make


def _text(schema: Schema, options: dict[str, Any]) -> forms.Field:
    return forms.CharField(widget=forms.TextInput(attrs={"class": "vTextField"}), **options)


def _choice(schema: Schema, options: dict[str, Any]) -> forms.Field:
    return forms.ChoiceField(choices=[("", "-"), *((each, each) for each in schema["enum"])], **options)


def _boolean(schema: Schema, options: dict[str, Any]) -> forms.Field:
    choices = [("", "-"), ("true", _("Yes")), ("false", _("No"))]
    return forms.TypedChoiceField(
        choices=choices, coerce=lambda value: value == "true", empty_value=None, **options
    )


_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "string": (str,)}
_KINDS: dict[str, Callable[[Schema, dict[str, Any]], forms.Field]] = {
    "string": _text,
    "integer": _number(forms.IntegerField),
    "number": _number(forms.FloatField),
    "enum": _choice,
    "boolean": _boolean,
}
