"""The event stream of POST /v1/messages: https://docs.anthropic.com/en/api/messages-streaming

message_start, then the content blocks one after the other (start, deltas, stop), then message_delta with the
reason and the tokens, and message_stop.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from generation.failures import PublicError
from llmbackends.errors import BadAnswer
from llmbackends.texts import Sentence, gettext_noop
from llmbackends.types import ChatChunk, FinishReason, TokenUsage, ToolCallDelta

from ..frontdoor.dialect import Stamp
from .answers import STOP_REASONS, message_object, tool_use_block, usage_object
from .errors import error_object
from .pending import Pending, PendingCall, PendingText

_encode = msgspec.json.encode
_NOT_COUNTED_YET: Final = TokenUsage(0, 0)
_NO_INPUT: Final = msgspec.Raw(b"{}")
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA_TAIL: Final = b"}}\n\n"


class MessageStreamWriter:
    """Tool calls of a model may come interleaved; blocks may not.

    `_row` holds the blocks that are not closed, in the order of their beginnings. Only the first is open;
    the others wait with what has come for them. It is closed when another waits and nothing can follow in
    it: text at once, a tool call when its arguments are whole, or else at the end of the stream.
    """

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._row: list[Pending] = []
        self._calls: dict[int, PendingCall] = {}
        self._closed = 0
        self._open_text_head: bytes | None = None
        self._stop_reason = STOP_REASONS[FinishReason.STOP]

    def opening(self) -> bytes:
        """The tokens are not known yet; `closing` tells both numbers, which clients take over from there."""
        message = message_object(self._stamp, content=[], stop_reason=None, usage=_NOT_COUNTED_YET)
        return _event("message_start", {"message": message})

    def chunk(self, choice: int, chunk: ChatChunk) -> bytes:
        """Raises BadAnswer if a tool call goes on after its end was told."""
        written = self._text(chunk.text) if chunk.text else b""
        if chunk.tool_calls:
            written += b"".join([self._tool_call(delta) for delta in chunk.tool_calls])
        if chunk.finish_reason is not None:
            self._stop_reason = STOP_REASONS[chunk.finish_reason]
        return written

    def closing(self, usage: TokenUsage) -> bytes:
        blocks = b"".join([self._first_to_its_end() for _ in range(len(self._row))])
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None}
        return blocks + _event("message_delta", {"delta": delta, "usage": usage_object(usage)}) + _STOP

    def failure(self, error: PublicError) -> bytes:
        return b"event: error\ndata: %b\n\n" % _encode(error_object(error))

    def _text(self, text: str) -> bytes:
        if self._open_text_head is not None:
            return self._open_text_head + _encode(text) + _DELTA_TAIL
        if self._row and isinstance(self._row[-1], PendingText):
            self._row[-1].add(text)
        else:
            self._row.append(PendingText(text))
        return self._advance()

    def _tool_call(self, delta: ToolCallDelta) -> bytes:
        block = self._calls.get(delta.index)
        if block is None:
            start = tool_use_block(self._stamp, len(self._calls), delta.name or "", _NO_INPUT)
            block = self._calls[delta.index] = PendingCall(start)
            self._row.append(block)
        elif block not in self._row:
            if delta.arguments.strip():
                raise BadAnswer(
                    Sentence(
                        gettext_noop("The arguments of a tool call went on after they had been complete.")
                    )
                )
            return b""
        block.add(delta.arguments)
        return self._advance()

    def _advance(self) -> bytes:
        """What can be told now."""
        written = b""
        while len(self._row) > 1 and self._row[0].is_complete:
            written += self._first_to_its_end()
        first = self._row[0]
        written += self._told(first, first.take())
        self._open_text_head = _delta_head(self._closed, first) if isinstance(first, PendingText) else None
        return written

    def _first_to_its_end(self) -> bytes:
        block = self._row.pop(0)
        written = self._told(block, block.take_rest())
        written += _event("content_block_stop", {"index": self._closed})
        self._closed += 1
        return written

    def _told(self, block: Pending, piece: str) -> bytes:
        """Of the first block: its start, if that was not told yet, and `piece`, if it is not empty."""
        written = b""
        if not block.is_started:
            block.is_started = True
            written = _event("content_block_start", {"index": self._closed, "content_block": block.start})
        return written + _delta_head(self._closed, block) + _encode(piece) + _DELTA_TAIL if piece else written


def _delta_head(index: int, block: Pending) -> bytes:
    """All of the event before the piece, which is all that changes from token to token."""
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b' % (
        index,
        block.delta_head,
    )


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name, **fields}))
