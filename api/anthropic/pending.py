"""The content blocks of an answer while they are written: what has come for them and is not told yet."""

from __future__ import annotations

from typing import Any

from .answers import input_of, is_object


class PendingText:
    start = {"type": "text", "text": ""}
    delta_head = b'{"type":"text_delta","text":'
    is_complete = True
    """Whenever another block follows."""

    def __init__(self, text: str) -> None:
        self.is_started = False
        self._waiting = [text]

    def add(self, text: str) -> None:
        self._waiting.append(text)

    def take(self) -> str:
        text = "".join(self._waiting)
        self._waiting.clear()
        return text

    take_rest = take


class PendingCall:
    """Arguments that do not begin as an object never become one: they wait for the end, to be wrapped."""

    delta_head = b'{"type":"input_json_delta","partial_json":'

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.is_started = False
        self._pieces: list[str] = []
        self._taken = 0
        self._begins_as_object: bool | None = None
        self._is_complete: bool | None = False

    def add(self, arguments: str) -> None:
        self._pieces.append(arguments)
        bare = arguments.strip()
        if not bare:
            return
        if self._begins_as_object is None:
            self._begins_as_object = bare.startswith("{")
        self._is_complete = None if bare.endswith("}") else False

    @property
    def is_complete(self) -> bool:
        """Reads the arguments only where the last piece can have been their end, and then once."""
        if self._is_complete is None:
            self._is_complete = is_object("".join(self._pieces))
        return self._is_complete

    def take(self) -> str:
        """What may be told now."""
        if not self._begins_as_object:
            return ""
        piece = "".join(self._pieces[self._taken :])
        self._taken = len(self._pieces)
        return piece

    def take_rest(self) -> str:
        """What is still to be told, with nothing more to come."""
        if self._begins_as_object is False:
            return bytes(input_of("".join(self._pieces))).decode()
        return self.take()


Pending = PendingText | PendingCall
