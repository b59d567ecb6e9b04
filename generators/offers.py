"""What a client may know of a generator: neither its prompts nor its sampling can be named from here."""

from __future__ import annotations

from dataclasses import dataclass

from llmbackends.types import JsonObject

from .definition import Definition, Output


@dataclass(frozen=True, slots=True)
class Offer:
    """`is_current`: `name` alone means this version. `language`: of a fenced block, else ""."""

    name: str
    public_name: str
    is_current: bool
    description: str
    takes_messages: bool
    input_schema: JsonObject
    output_kind: Output
    output_schema: JsonObject | None
    language: str


def offer_of(definition: Definition, *, is_current: bool) -> Offer:
    return Offer(
        name=definition.name,
        public_name=definition.public_name,
        is_current=is_current,
        description=definition.description,
        takes_messages=definition.takes_messages,
        input_schema=definition.input_schema,
        output_kind=definition.output_kind,
        output_schema=definition.output_schema,
        language=definition.fence_language,
    )
