"""Whether a generator takes what a client gives it. The errors name the place: input.columns[0].name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmbackends.texts import Sentence, gettext_noop
from llmbackends.types import JsonObject, Message

from . import effort
from .definition import Definition
from .errors import InvalidInput

_TEXT_OF_STEP = 1_000
_WRONG_FIELD = gettext_noop("The field %(field)s %(problem)s.")
_TOO_LONG = gettext_noop("The field %(field)s must have at most %(most)s characters.")
_NO_MESSAGES = gettext_noop("The generator %(generator)s takes no messages. Give it an input.")
_NO_PROMPT_ALONE = gettext_noop(
    "The generator %(generator)s takes no prompt alone. Give it an input: the field %(field)s %(problem)s."
)


def check(definition: Definition, given: JsonObject) -> None:
    """Raises InvalidInput."""
    _check_length(definition, texts_in(given), param="input")
    fault = definition.input_validator.first_fault(given)
    if fault is not None:
        param = fault.place_in("input")
        raise InvalidInput(Sentence(_WRONG_FIELD, field=param, problem=fault.problem), param=param)


def check_prompt(definition: Definition, prompt: str) -> None:
    """A prompt is short for an input with nothing else. Raises InvalidInput."""
    _check_length(definition, [prompt], param="prompt")
    if definition.takes_any_prompt and prompt:
        return
    fault = definition.input_validator.first_fault({"prompt": prompt})
    if fault is None:
        return
    if fault.path == ("prompt",) and "prompt" in definition.input_schema.get("properties", {}):
        raise InvalidInput(Sentence(_WRONG_FIELD, field="prompt", problem=fault.problem), param="prompt")
    told = {"generator": definition.public_name, "field": fault.place_in("input"), "problem": fault.problem}
    raise InvalidInput(Sentence(_NO_PROMPT_ALONE, **told), param="prompt")


def check_messages(definition: Definition, messages: Iterable[Message]) -> None:
    """Raises InvalidInput. Images count nothing: how large they may be is up to the model."""
    if not definition.takes_messages:
        raise InvalidInput(Sentence(_NO_MESSAGES, generator=definition.public_name), param="messages")
    _check_length(definition, [message.text for message in messages], param="messages")


def _check_length(definition: Definition, texts: Iterable[str], *, param: str) -> None:
    if sum(map(len, texts)) > definition.max_input_chars:
        raise InvalidInput(Sentence(_TOO_LONG, field=param, most=definition.max_input_chars), param=param)


def texts_in(value: Any) -> Iterator[str]:
    """All texts of a JSON value, names included."""
    pending = [value]
    while pending:
        match pending.pop():
            case str(text):
                effort.spend(1 + len(text) // _TEXT_OF_STEP)
                yield text
            case Mapping() as names:
                effort.spend(len(names))
                pending += [*names.keys(), *names.values()]
            case list() | tuple() as items:
                effort.spend(len(items))
                pending += items
