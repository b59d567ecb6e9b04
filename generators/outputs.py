"""A model's answer, read as what the generator promises: a text, JSON that fits a schema, or a block of code.

A misfit is told in one sentence that the model can act on.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from llmbackends.types import FinishReason

from . import effort
from .definition import Definition

MAX_DIGITS = 100
_TEXT_OF_STEP = 100
_MOST_STARTS = 200
"""How many braces of a talkative answer are tried as the beginning of its object."""
_MOST_SCANS = 4
_ALWAYS_SCANNED = 200_000
"""How many times its length those tries may read of the answer, and how many characters at any rate: each
object in an object that is broken near its end is read up to there."""

CUT: Final = "The answer was cut off at its length limit."
SLIPPED: Final = "The answer did not have the form that was asked for."
"""Where the service says no more than that."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """`text`: the JSON text or the inside of the block, without what the model said around it.

    data: the value, of a JSON answer alone.
    """

    text: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Misfit:
    """`fault`: for the model and for staff. It may quote the answer."""

    fault: str


def read(definition: Definition, text: str, finish_reason: FinishReason) -> Fitting | Misfit:
    if len(text) > definition.max_output_chars:
        return Misfit(f"The answer has more than {definition.max_output_chars} characters.")
    if definition.output_kind == "text":
        return Fitting(text)
    effort.spend(len(text) // _TEXT_OF_STEP)
    if finish_reason == FinishReason.LENGTH:
        return Misfit(CUT)
    if not text.strip():
        return Misfit("The answer is empty.")
    return _read_json(definition, text) if definition.output_kind == "json" else _read_block(definition, text)


def _read_json(definition: Definition, text: str) -> Fitting | Misfit:
    try:
        found = _found_json(text, opening="[" if _wants_list(definition) else "{")
    except _NotJson as error:
        return Misfit(str(error))
    fault = definition.output_validator.first_fault(found.data)
    if fault is None:
        return found
    place = fault.place_in()
    return Misfit(f"{f'`{place}`' if place else 'The answer'} {fault.problem}.")


def _wants_list(definition: Definition) -> bool:
    return definition.output_schema is not None and definition.output_schema.get("type") == "array"


class _NotJson(Exception):
    """Its text is the fault."""


def _found_json(text: str, *, opening: str) -> Fitting:
    """The whole answer, or the one block of JSON in it, or the one object (or list) among other words."""
    whole = text.strip()
    try:
        return Fitting(whole, _decoded(whole))
    except json.JSONDecodeError as error:
        first = error
    blocks = [block for block in _blocks(text) if block.language in ("json", "") and block.is_closed]
    of_json = [block for block in blocks if block.language == "json"] or blocks
    if len(of_json) == 1:
        try:
            return Fitting(of_json[0].inside, _decoded(of_json[0].inside))
        except json.JSONDecodeError as error:
            _refuse_json(error)
    found = [Fitting(text[start:end], data) for start, end, data in _values_in(text, opening)]
    if not found and whole.startswith(("{", "[")):
        _refuse_json(first)
    if not found:
        raise _NotJson("The answer holds no JSON that can be read.")
    if len(found) > 1:
        raise _NotJson("The answer holds more than one JSON value.")
    return found[0]


def _values_in(text: str, opening: str) -> Iterator[tuple[int, int, Any]]:
    """Up to two. Where each begins and ends, and what it is."""
    at, found = text.find(opening), 0
    left = max(_MOST_SCANS * len(text), _ALWAYS_SCANNED)
    for _ in range(_MOST_STARTS):
        if at < 0 or found == 2 or left <= 0:
            return
        end = at + 1
        try:
            data, end = _decoder.raw_decode(text, at)
            found += 1
            yield at, end, data
        except json.JSONDecodeError as error:
            is_to_end = error.msg.startswith("Unterminated string")  # its place is where the string begins
            left -= (len(text) if is_to_end else error.pos) - at
        except (ValueError, RecursionError) as error:
            _refuse_value(error)
        at = text.find(opening, end)


def _decoded(text: str) -> Any:
    """Raises JSONDecodeError, and _NotJson for what is no JSON value in spite of its syntax."""
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        _refuse_value(error)


def _refuse_json(error: json.JSONDecodeError) -> NoReturn:
    raise _NotJson(
        f"The answer is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
    ) from None


def _refuse_value(error: ValueError | RecursionError) -> NoReturn:
    raise _NotJson("The answer is nested too deeply." if isinstance(error, RecursionError) else str(error))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        twice, _count = Counter(name for name, _value in pairs).most_common(1)[0]
        raise ValueError(f"The name {json.dumps(twice[:60], ensure_ascii=False)} stands twice in one object.")
    return names


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"A number has more than {MAX_DIGITS} digits.")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("A number is too large.")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"The answer is not valid JSON: {name} is not a JSON number.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole_number, parse_float=_number, parse_constant=_constant
)


def _read_block(definition: Definition, text: str) -> Fitting | Misfit:
    """The one block of the language; one that names no language counts if there is no other block at all."""
    language = definition.fence_language.lower()
    blocks = list(_blocks(text))
    fitting = [block for block in blocks if block.language == language]
    if not fitting and len(blocks) == 1 and not blocks[0].language:
        fitting = blocks
    if not fitting:
        return Misfit(f"The answer holds no block that begins with ```{language}.")
    if len(fitting) > 1:
        return Misfit(f"The answer holds {len(fitting)} blocks of {language}, but must hold one.")
    if not fitting[0].is_closed:
        return Misfit(f"The block of {language} is never closed with ```.")
    if not fitting[0].inside.strip():
        return Misfit(f"The block of {language} is empty.")
    return Fitting(fitting[0].inside)


@dataclass(frozen=True, slots=True)
class _Block:
    language: str
    inside: str
    is_closed: bool


_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<language>[^\s`]*+)[^`]*+")


def _blocks(text: str) -> Iterator[_Block]:
    """As in CommonMark: a block ends at a fence of the same sign that is at least as long and says nothing.

    https://spec.commonmark.org/0.31.2/#fenced-code-blocks (read 2026-11)
    """
    lines = iter(text.split("\n"))
    for line in lines:
        opened = _FENCE.fullmatch(line.rstrip())
        if opened is not None:
            yield _block(opened["fence"], opened["language"].lower(), lines)


def _block(fence: str, language: str, lines: Iterator[str]) -> _Block:
    inside: list[str] = []
    for line in lines:
        stripped = line.strip()
        if len(stripped) >= len(fence) and not stripped.strip(fence[0]):
            return _Block(language, "\n".join(inside), is_closed=True)
        inside.append(line)
    return _Block(language, "\n".join(inside), is_closed=False)
