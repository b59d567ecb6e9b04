"""The conversation of the playground. It lives in its page: each request brings all of it, bounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.http import QueryDict
from django.utils.translation import gettext as _

from generation.requests import DEFAULT_GENERATOR
from generators import inputs
from generators.asking import Given
from generators.definition import Definition
from generators.errors import InvalidInput
from generators.known import Generators
from llmbackends.texts import storable
from llmbackends.types import Message

MAX_CHARACTERS = 200_000
"""Of all turns and the message together."""
MAX_TURNS = 200
_MOST_DIGITS = 18

Role = Literal["user", "assistant"]


class Unacceptable(Exception):
    """The message is for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What the user wants to know: `message` after `turns`."""

    message: str
    turns: tuple[Turn, ...]

    @property
    def given(self) -> Given:
        said = [*self.turns, Turn("user", self.message)]
        return Given(messages=tuple(Message(turn.role, turn.text) for turn in said))

    def answered(self, text: str) -> tuple[Turn, ...]:
        """The conversation with this answer; an answer without a word leaves no trace."""
        if not text:
            return self.turns
        return (*self.turns, Turn("user", self.message), Turn("assistant", text))


def read_ask(form: QueryDict, *, turns: str = "turns") -> Ask:
    """Raises Unacceptable. `turns`: the field with the conversation, as `turns_json` wrote it."""
    message = storable(form.get("message", "").replace("\r\n", "\n"))
    if not message.strip():
        raise Unacceptable(_("Write a message first."))
    ask = Ask(message, read_turns(form.get(turns, "")))
    if len(ask.message) + sum(len(turn.text) for turn in ask.turns) > MAX_CHARACTERS:
        raise Unacceptable(
            _("The conversation is too long: %(most)d characters at most. Begin a new one.")
            % {"most": MAX_CHARACTERS}
        )
    return ask


def read_turns(text: str) -> tuple[Turn, ...]:
    """Raises Unacceptable for what no page of ours has written."""
    try:
        turns = tuple(_turn(each) for each in json.loads(text or "[]"))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unacceptable(_("The conversation cannot be read. Begin a new one.")) from None
    if len(turns) > MAX_TURNS:
        raise Unacceptable(
            _("The conversation is too long: %(most)d messages at most. Begin a new one.")
            % {"most": MAX_TURNS}
        )
    return turns


def turns_json(turns: Sequence[Turn]) -> str:
    return json.dumps([asdict(turn) for turn in turns], ensure_ascii=False)


def read_generator(form: QueryDict, generators: Generators, *asks: Ask) -> Definition:
    """One that takes what is asked. Raises Unacceptable."""
    definition = generators.offered(form.get("generator", DEFAULT_GENERATOR))
    if definition is None or not definition.takes_messages:
        raise Unacceptable(_("There is no such generator."))
    try:
        for ask in asks:
            inputs.check_messages(definition, ask.given.messages)
    except InvalidInput:
        told = _("This generator takes %(most)d characters at most. Begin a new conversation.")
        raise Unacceptable(told % {"most": definition.max_input_chars}) from None
    return definition


def read_config_id(form: QueryDict) -> int | None:
    """The configuration to compare with; None without one. Raises Unacceptable."""
    number = form.get("config", "")
    if not number:
        return None
    if not (number.isascii() and number.isdecimal()) or len(number) > _MOST_DIGITS:
        raise Unacceptable(_("There is no such configuration."))
    return int(number)


def _turn(value: Any) -> Turn:
    role, text = value["role"], value["text"]
    if role not in ("user", "assistant") or not isinstance(text, str) or not text:
        raise ValueError
    return Turn(role, storable(text))
