"""What the output of a response is made of: messages and calls of functions, whole and as they grow.

A growing item tells its events as pairs of their type and their fields, without the number in the stream.
It keeps its text as UTF-8: a list of the pieces would take ten times the memory of every open stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from llmbackends.types import TokenLogprob, ToolCallDelta

from ..frontdoor.dialect import Stamp
from .chat_answers import token_object

Status = Literal["in_progress", "completed", "incomplete"]
Json = dict[str, Any]
Events = tuple[tuple[str, Json], ...]


def message_id(stamp: Stamp, index: int) -> str:
    return f"msg_{stamp.id}{index:02d}"


def call_id(stamp: Stamp, index: int) -> str:
    """The id of the item. The client's answer names another: that of the call."""
    return f"fc_{stamp.id}{index:02d}"


def message_object(item_id: str, status: Status, text: str, logprobs: Sequence[TokenLogprob]) -> Json:
    content = [_text_part(text, logprob_objects(logprobs))]
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def call_object(item_id: str, status: Status, call_id: str, name: str, arguments: str) -> Json:
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def logprob_objects(logprobs: Sequence[TokenLogprob]) -> list[Json]:
    return [
        {**token_object(each.chosen), "top_logprobs": [token_object(top) for top in each.top]}
        for each in logprobs
    ]


def _text_part(text: str, logprobs: Sequence[Json]) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


class GrowingMessage:
    """`delta_head` is the event of a piece of text up to that text, which is all that changes in it."""

    def __init__(self, stamp: Stamp, index: int) -> None:
        self.status: Status = "in_progress"
        self._id = message_id(stamp, index)
        self._index = index
        self._place = {"item_id": self._id, "output_index": index, "content_index": 0}
        self._text = bytearray()
        self._logprobs: list[TokenLogprob] = []
        self.delta_head = _delta_head("response.output_text.delta", self._place)

    def grow(self, text: str, logprobs: Sequence[TokenLogprob]) -> None:
        self._text += text.encode()
        if logprobs:
            self._logprobs += logprobs

    def beginning(self) -> Events:
        item = {**self.whole(), "content": []}
        return (
            ("response.output_item.added", {"output_index": self._index, "item": item}),
            ("response.content_part.added", {**self._place, "part": _text_part("", [])}),
        )

    def end(self, status: Status) -> Events:
        self.status = status
        item = self.whole()
        [part] = item["content"]
        text = {"text": part["text"], "logprobs": part["logprobs"]}
        return (
            ("response.output_text.done", {**self._place, **text}),
            ("response.content_part.done", {**self._place, "part": part}),
            ("response.output_item.done", {"output_index": self._index, "item": item}),
        )

    def whole(self) -> Json:
        return message_object(self._id, self.status, self._text.decode(), self._logprobs)


class GrowingCall:
    """As GrowingMessage; what grows are the arguments."""

    def __init__(self, stamp: Stamp, index: int, number: int, delta: ToolCallDelta) -> None:
        """`delta`: the first of the call, whose arguments are yet to be added."""
        self.status: Status = "in_progress"
        self._id = call_id(stamp, index)
        self._index = index
        self._place = {"item_id": self._id, "output_index": index}
        self._call_id = stamp.tool_call_id(0, number)
        self._name = delta.name or ""
        self._arguments = bytearray()
        self.delta_head = _delta_head("response.function_call_arguments.delta", self._place)

    def grow(self, arguments: str) -> None:
        self._arguments += arguments.encode()

    def beginning(self) -> Events:
        return (("response.output_item.added", {"output_index": self._index, "item": self.whole()}),)

    def end(self, status: Status) -> Events:
        self.status = status
        item = self.whole()
        # The present form of this event has no name; clients of an older one take it for required.
        arguments = {"name": self._name, "arguments": item["arguments"]}
        return (
            ("response.function_call_arguments.done", {**self._place, **arguments}),
            ("response.output_item.done", {"output_index": self._index, "item": item}),
        )

    def whole(self) -> Json:
        return call_object(self._id, self.status, self._call_id, self._name, self._arguments.decode())


GrowingItem = GrowingMessage | GrowingCall


def _delta_head(kind: str, place: Json) -> bytes:
    fields = msgspec.json.encode({"type": kind, **place}).removesuffix(b"}")
    return b'event: %b\ndata: %b,"delta":' % (kind.encode(), fields)
