"""The events of a streamed response: https://platform.openai.com/docs/api-reference/responses-streaming"""

from __future__ import annotations

import msgspec

from generation.failures import PublicError
from llmbackends.types import ChatChunk, FinishReason, TokenLogprob, TokenUsage, ToolCallDelta

from ..frontdoor.dialect import Ask, Stamp
from .responses_answers import ended, failed, in_progress, status_of_last
from .responses_items import Events, GrowingCall, GrowingItem, GrowingMessage, Json, logprob_objects

_encode = msgspec.json.encode


class ResponseStreamWriter:
    """Each run of text is a message, each call an item of its own.

    A message ends where a call begins. Calls stay open until the end, for pieces of one may still come when
    the next has begun.
    """

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        self._asked = ask.details
        self._stamp = stamp
        self._number = 0
        self._reason = FinishReason.STOP
        self._items: list[GrowingItem] = []
        self._latest: GrowingItem | None = None
        self._message: GrowingMessage | None = None
        self._calls: dict[int, GrowingCall] = {}

    def opening(self) -> bytes:
        response = {"response": msgspec.Raw(_encode(in_progress(self._asked, self._stamp)))}
        return self._events((("response.created", response), ("response.in_progress", response)))

    def chunk(self, choice: int, chunk: ChatChunk) -> bytes:
        written = self._text(chunk.text, chunk.logprobs) if chunk.text or chunk.logprobs else b""
        for delta in chunk.tool_calls:
            written += self._call(delta)
        if chunk.finish_reason is not None:
            self._reason = chunk.finish_reason
        return written

    def closing(self, usage: TokenUsage) -> bytes:
        written = b"" if self._items else self._begin(self._new_message())
        for item in self._items:
            if item.status == "in_progress":
                is_last = item is self._latest
                written += self._events(item.end(status_of_last(self._reason) if is_last else "completed"))
        output = [item.whole() for item in self._items]
        response = ended(self._asked, self._stamp, self._reason, output, usage)
        return written + self._event(f"response.{response['status']}", {"response": response})

    def failure(self, error: PublicError) -> bytes:
        """The items stay open, as they are."""
        written = b"" if self._number else self.opening()
        told = {"code": error.code, "message": str(error.message), "param": error.param}
        response = failed(self._asked, self._stamp, error)
        return written + self._events((("error", told), ("response.failed", {"response": response})))

    def _text(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> bytes:
        begun = b""
        message = self._message
        if message is None:
            message = self._new_message()
            begun = self._begin(message)
        self._latest = message
        message.grow(text, logprobs)
        told = _encode(logprob_objects(logprobs)) if logprobs else b"[]"
        return b'%b%b%b,"logprobs":%b%b' % (begun, message.delta_head, _encode(text), told, self._tail())

    def _call(self, delta: ToolCallDelta) -> bytes:
        begun = b""
        call = self._calls.get(delta.index)
        if call is None:
            call = GrowingCall(self._stamp, len(self._items), len(self._calls), delta)
            self._calls[delta.index] = call
            begun = self._end_message() + self._begin(call)
        self._latest = call
        if not delta.arguments:
            return begun
        call.grow(delta.arguments)
        return b"%b%b%b%b" % (begun, call.delta_head, _encode(delta.arguments), self._tail())

    def _new_message(self) -> GrowingMessage:
        self._message = GrowingMessage(self._stamp, len(self._items))
        return self._message

    def _begin(self, item: GrowingItem) -> bytes:
        self._items.append(item)
        self._latest = item
        return self._events(item.beginning())

    def _end_message(self) -> bytes:
        message, self._message = self._message, None
        return b"" if message is None else self._events(message.end("completed"))

    def _events(self, events: Events) -> bytes:
        return b"".join([self._event(kind, fields) for kind, fields in events])

    def _event(self, kind: str, fields: Json) -> bytes:
        head = _encode({"type": kind, **fields}).removesuffix(b"}")
        return b"event: %b\ndata: %b%b" % (kind.encode(), head, self._tail())

    def _tail(self) -> bytes:
        """Of the JSON of every event. Called once for each, in their order."""
        number = self._number
        self._number += 1
        return b',"sequence_number":%d}\n\n' % number
