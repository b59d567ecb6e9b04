"""What the model is asked: first, and a second time where its answer did not fit.

What the answer has to look like is told in words, the same for every model, so that exchanging the model
changes no prompt; a service that can be held to JSON, or to a schema, is held to it as well.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from llmbackends.texts import Sentence, gettext_noop
from llmbackends.types import (
    ChatRequest,
    Feature,
    JsonObject,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
)

from .definition import Definition
from .errors import InvalidInput
from .templates import MAX_OUTPUT

_EMPTY_PROMPT = Sentence(gettext_noop("This input makes an empty prompt."))
MAX_QUOTED = 20_000
"""Characters of a misfit that the model is shown again."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a client gave: an input or messages."""

    input: JsonObject | None = None
    messages: tuple[Message, ...] = ()


def first_request(definition: Definition, given: Given, features: Collection[Feature]) -> ChatRequest:
    """Raises PromptTooLong, and InvalidInput for an input that makes an empty prompt.

    features: what the service can do; with none of them, words have to do.
    """
    system = "\n\n".join(filter(None, (definition.system_prompt.strip(), _words(definition))))
    return ChatRequest(
        messages=_behind(system, given.messages or (Message("user", prompt_of(definition, given)),)),
        response_format=_format(definition, features),
        sampling=Sampling(temperature=definition.temperature, max_tokens=definition.max_tokens),
    )


def stricter_request(
    definition: Definition, given: Given, features: Collection[Feature], *, answer: str, fault: str
) -> ChatRequest:
    """The same with the answer that did not fit, and what was wrong with it. Raises as first_request."""
    first = first_request(definition, given, features)
    correction = f"This answer cannot be used: {fault} {_ONCE_MORE[definition.output_kind]}"
    return replace(first, messages=_corrected(first.messages, _shortened(answer), correction))


def prompt_of(definition: Definition, given: Given) -> str:
    """What the template makes of an input. Raises as first_request."""
    most = max(MAX_OUTPUT, definition.max_input_chars + len(definition.prompt_template))
    text = definition.template.render(given.input or {}, most=most)
    if not text:
        raise InvalidInput(_EMPTY_PROMPT, param="input")
    return text


def _behind(system: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """One message of the system at most, and in front: some models refuse a second."""
    if not system:
        return messages
    first, *rest = messages
    if first.role != "system":
        return Message("system", system), *messages
    return Message("system", f"{system}\n\n{first.text}"), *rest


def _corrected(messages: tuple[Message, ...], answer: str, correction: str) -> tuple[Message, ...]:
    """Turns keep alternating, which some models insist on: where the answer was empty, the correction is
    added to what was asked."""
    if answer.strip():
        return *messages, Message("assistant", answer), Message("user", correction)
    *before, last = messages
    if last.role != "user":
        return *messages, Message("user", correction)
    return *before, replace(last, content=(*last.parts, TextPart(correction)))


def _shortened(answer: str) -> str:
    if len(answer) <= MAX_QUOTED:
        return answer
    half = MAX_QUOTED // 2
    return f"{answer[:half]}\n…\n{answer[-half:]}"


def _words(definition: Definition) -> str:
    match definition.output_kind:
        case "json" if definition.output_schema is None:
            return "Answer with one JSON value and nothing else."
        case "json" if _is_any_object(definition.output_schema):
            return "Answer with one JSON object and nothing else."
        case "json":
            schema = json.dumps(definition.output_schema, ensure_ascii=False)
            return f"Answer with JSON that fits this JSON Schema, and with nothing else:\n{schema}"
        case "fenced":
            language = definition.fence_language
            return (
                f"Answer with one fenced code block that begins with ```{language} and ends with ```, "
                "and with nothing else."
            )
    return ""


_ONCE_MORE = {
    "text": "Answer again, and shorter.",
    "json": "Answer again, from the beginning, with valid JSON only: no other words and no code fence.",
    "fenced": "Answer again, from the beginning, with the one fenced code block only and no other words.",
}


def _format(definition: Definition, features: Collection[Feature]) -> ResponseFormat | None:
    schema = definition.output_schema
    if definition.output_kind != "json" or schema is None:
        return None
    if Feature.JSON_OBJECT in features and _is_any_object(schema):
        return ResponseFormat("json_object")
    if Feature.JSON_SCHEMA in features:
        return ResponseFormat("json_schema", name="answer", schema=schema, strict=_is_strict(schema))
    is_object = Feature.JSON_OBJECT in features and schema.get("type") == "object"
    return ResponseFormat("json_object") if is_object else None


def _is_any_object(schema: JsonObject | None) -> bool:
    return schema is not None and {**schema, "$schema": ""} == {"type": "object", "$schema": ""}


def _is_strict(schema: Any) -> bool:
    """Whether every object in it has all of its fields required and no others allowed: services that hold
    themselves to a schema `strict`ly refuse any other."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    names = schema.get("properties")
    if schema.get("type") == "object" or isinstance(names, dict):
        names = names if isinstance(names, dict) else {}
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(names):
            return False
    return all(map(_is_strict, schema.values()))
