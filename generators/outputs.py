"""A model's answer, read as what the generator promises: a text, JSON that fits a schema, or a block of code.

A misfit is told in one sentence that the model can act on: in English to it, and to staff in their language.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from llmbackends.texts import Sentence, gettext_noop
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

CUT: Final = Sentence(gettext_noop("The answer was cut off at its length limit."))
SLIPPED: Final = Sentence(gettext_noop("The answer did not have the form that was asked for."))
"""Where the service says no more than that."""

_TOO_LONG = gettext_noop("The answer has more than %(most)s characters.")
_EMPTY = Sentence(gettext_noop("The answer is empty."))
_WRONG_WHOLE = gettext_noop("The answer %(problem)s.")
_WRONG_PART = gettext_noop("`%(place)s` %(problem)s.")
_NO_JSON = Sentence(gettext_noop("The answer holds no JSON that can be read."))
_MANY_VALUES = Sentence(gettext_noop("The answer holds more than one JSON value."))
_INVALID_JSON = gettext_noop("The answer is not valid JSON: %(reason)s (line %(line)s, column %(column)s).")
_TOO_DEEP = Sentence(gettext_noop("The answer is nested too deeply."))
_TWICE = gettext_noop("The name %(name)s stands twice in one object.")
_MANY_DIGITS = gettext_noop("A number has more than %(most)s digits.")
_LARGE_NUMBER = Sentence(gettext_noop("A number is too large."))
_NO_NUMBER = gettext_noop("The answer is not valid JSON: %(name)s is not a JSON number.")
_NO_BLOCK = gettext_noop("The answer holds no block that begins with ```%(language)s.")
_MANY_BLOCKS = gettext_noop("The answer holds %(number)s blocks of %(language)s, but must hold one.")
_OPEN_BLOCK = gettext_noop("The block of %(language)s is never closed with ```.")
_EMPTY_BLOCK = gettext_noop("The block of %(language)s is empty.")
# As Python's decoder says it, which is what the model is told.
REASONS: Final = frozenset(
    [
        gettext_noop("Expecting value"),
        gettext_noop("Expecting property name enclosed in double quotes"),
        gettext_noop("Expecting ':' delimiter"),
        gettext_noop("Expecting ',' delimiter"),
        gettext_noop("Illegal trailing comma before end of object"),
        gettext_noop("Illegal trailing comma before end of array"),
        gettext_noop("Unterminated string starting at"),
        gettext_noop("Invalid control character at"),
        gettext_noop("Invalid \\escape"),
        gettext_noop("Invalid \\uXXXX escape"),
        gettext_noop("Extra data"),
    ]
)


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

    fault: Sentence


def read(definition: Definition, text: str, finish_reason: FinishReason) -> Fitting | Misfit:
    if len(text) > definition.max_output_chars:
        return Misfit(Sentence(_TOO_LONG, most=definition.max_output_chars))
    if definition.output_kind == "text":
        return Fitting(text)
    effort.spend(len(text) // _TEXT_OF_STEP)
    if finish_reason == FinishReason.LENGTH:
        return Misfit(CUT)
    if not text.strip():
        return Misfit(_EMPTY)
    return _read_json(definition, text) if definition.output_kind == "json" else _read_block(definition, text)


def _read_json(definition: Definition, text: str) -> Fitting | Misfit:
    try:
        found = _found_json(text, opening="[" if _wants_list(definition) else "{")
    except _NotJson as error:
        return Misfit(error.fault)
    fault = definition.output_validator.first_fault(found.data)
    if fault is None:
        return found
    place = fault.place_in()
    if not place:
        return Misfit(Sentence(_WRONG_WHOLE, problem=fault.problem))
    return Misfit(Sentence(_WRONG_PART, place=place, problem=fault.problem))


def _wants_list(definition: Definition) -> bool:
    return definition.output_schema is not None and definition.output_schema.get("type") == "array"


class _NotJson(Exception):
    def __init__(self, fault: Sentence) -> None:
        super().__init__(fault)
        self.fault = fault


class _NoValue(_NotJson, ValueError):
    """Syntax of JSON that holds no value which another program could read."""


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
        raise _NotJson(_NO_JSON)
    if len(found) > 1:
        raise _NotJson(_MANY_VALUES)
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
    reason = Sentence(error.msg) if error.msg in REASONS else error.msg
    fault = Sentence(_INVALID_JSON, reason=reason, line=error.lineno, column=error.colno)
    raise _NotJson(fault) from None


def _refuse_value(error: ValueError | RecursionError) -> NoReturn:
    if isinstance(error, _NotJson):
        raise error
    raise _NotJson(_TOO_DEEP if isinstance(error, RecursionError) else _NO_JSON) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        twice, _count = Counter(name for name, _value in pairs).most_common(1)[0]
        raise _NoValue(Sentence(_TWICE, name=json.dumps(twice[:60], ensure_ascii=False)))
    return names


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _NoValue(Sentence(_MANY_DIGITS, most=MAX_DIGITS))
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NoValue(_LARGE_NUMBER)
    return number


def _constant(name: str) -> NoReturn:
    raise _NoValue(Sentence(_NO_NUMBER, name=name))


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
        return Misfit(Sentence(_NO_BLOCK, language=language))
    if len(fitting) > 1:
        return Misfit(Sentence(_MANY_BLOCKS, number=len(fitting), language=language))
    if not fitting[0].is_closed:
        return Misfit(Sentence(_OPEN_BLOCK, language=language))
    if not fitting[0].inside.strip():
        return Misfit(Sentence(_EMPTY_BLOCK, language=language))
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
