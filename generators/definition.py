"""What a generator does, as a value: made of a row that is published, or of one that staff are trying out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, cast

from llmbackends.types import JsonObject

from .schemas import ANYTHING, Validator
from .templates import Template, parse

if TYPE_CHECKING:
    from .models import Generator

Output = Literal["text", "json", "fenced"]
PROMPT_ALONE: Final = {
    "type": "object",
    "properties": {"prompt": {"type": "string", "minLength": 1}},
    "required": ["prompt"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Definition:
    """The fields of models.Generator. What is derived from them is made once: the template is parsed and the
    schemas are read on first use, which raises TemplateError and SchemaError; `checks.problems_of` finds out
    before. Its repr(), which a log may show, is without the prompts."""

    name: str
    version: int
    description: str
    system_prompt: str = field(repr=False)
    prompt_template: str = field(repr=False)
    input_schema: JsonObject
    takes_messages: bool
    output_kind: Output
    output_schema: JsonObject | None
    fence_language: str
    allows_partial: bool
    max_input_chars: int
    max_output_chars: int
    max_tokens: int | None
    temperature: float | None

    @property
    def public_name(self) -> str:
        return f"{self.name}-v{self.version}"

    @cached_property
    def template(self) -> Template:
        return parse(self.prompt_template)

    @cached_property
    def input_validator(self) -> Validator:
        return Validator(self.input_schema)

    @cached_property
    def takes_any_prompt(self) -> bool:
        """And nothing else: what most are asked, so it is told without the machinery of schemas."""
        return self.input_schema == PROMPT_ALONE

    @cached_property
    def output_validator(self) -> Validator:
        return Validator(ANYTHING if self.output_schema is None else self.output_schema)


def definition_of(row: Generator) -> Definition:
    """Of a row that may be unsaved. Its fields have to be valid each for itself."""
    return Definition(
        name=row.name,
        version=row.version,
        description=row.description,
        system_prompt=row.system_prompt,
        prompt_template=row.prompt_template,
        input_schema=row.input_schema,
        takes_messages=row.takes_messages,
        output_kind=cast(Output, str(row.output_kind)),
        output_schema=row.output_schema,
        fence_language=row.fence_language,
        allows_partial=row.allows_partial,
        max_input_chars=row.max_input_chars,
        max_output_chars=row.max_output_chars,
        max_tokens=row.max_tokens,
        temperature=row.temperature,
    )
