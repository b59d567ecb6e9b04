"""Everything about a definition that can be wrong, for whoever saves one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from .definition import Definition
from .errors import SchemaError, TemplateError
from .schemas import check
from .templates import parse

_LANGUAGE = re.compile(r"[A-Za-z0-9+#._-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` of models.Generator. `message` in the language of who asks."""

    field: str
    message: str


def problems_of(definition: Definition) -> list[Problem]:
    """None of a definition that can be published. The fields have to be valid each for itself."""
    return [
        *_of_input(definition),
        *_of_template(definition),
        *_of_output(definition),
    ]


def _of_input(definition: Definition) -> Iterator[Problem]:
    schema = definition.input_schema
    yield from _of_schema("input_schema", schema)
    if isinstance(schema, dict) and schema.get("type") != "object":
        yield Problem("input_schema", _("An input is a JSON object: write “type”: “object”."))


def _of_template(definition: Definition) -> Iterator[Problem]:
    try:
        template = parse(definition.prompt_template)
    except TemplateError as error:
        told = _("Line %(line)d, column %(column)d: %(problem)s")
        values = {"line": error.line, "column": error.column, "problem": error.message}
        yield Problem("prompt_template", told % values)
        return
    unknown = sorted(template.outer_names - _names_of(definition.input_schema, template.outer_names))
    if unknown:
        told = _("The input schema knows no %(names)s.")
        yield Problem("prompt_template", told % {"names": ", ".join(f"“{name}”" for name in unknown)})


def _names_of(schema: Any, otherwise: frozenset[str]) -> frozenset[str]:
    """What an input may hold, where the schema lists it; else `otherwise`."""
    if not isinstance(schema, dict) or schema.get("additionalProperties") is not False:
        return otherwise
    names = schema.get("properties", {})
    return frozenset(names) if isinstance(names, dict) else otherwise


def _of_output(definition: Definition) -> Iterator[Problem]:
    is_json, is_fenced = definition.output_kind == "json", definition.output_kind == "fenced"
    if definition.output_schema is not None:
        if is_json:
            yield from _of_schema("output_schema", definition.output_schema)
        else:
            yield Problem("output_schema", _("Only a JSON output has a schema."))
    if is_fenced and _LANGUAGE.fullmatch(definition.fence_language) is None:
        yield Problem(
            "fence_language", _("A fenced block has a language such as html: a word without spaces.")
        )
    if definition.fence_language and not is_fenced:
        yield Problem("fence_language", _("Only a fenced block has a language."))


def _of_schema(field: str, schema: Any) -> Iterator[Problem]:
    try:
        check(schema)
    except SchemaError as error:
        yield Problem(field, f"{error.place}: {error.message}" if error.place else error.message)
