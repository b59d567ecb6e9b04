"""Reads an answer that is complete, and says what is wrong with it."""

from __future__ import annotations

import re

_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_CONTENT = re.compile(rb'"content":\s*"([^"]*)"')
_FIRST_CONTENT = re.compile(rb'"content":\s*"[^"]')


class AnswerReader:
    """Collects the bytes of one answer of a kept connection."""

    __slots__ = ("_body_start", "_length", "_received")

    def __init__(self) -> None:
        self._received = bytearray()
        self._body_start = 0
        self._length: int | None = None  # None: unknown, or chunked

    def feed(self, data: bytes) -> bool:
        """Whether the answer is complete."""
        self._received += data
        if not self._body_start and not self._read_head():
            return False
        if self._length is None:
            return self._received.endswith(_LAST_CHUNK)
        return len(self._received) >= self._body_start + self._length

    def has_content(self) -> bool:
        """Whether there is a piece of the text in what came so far."""
        return _FIRST_CONTENT.search(self._received, self._body_start) is not None

    def fault(self, *, text: str, streamed: bool) -> str | None:
        """What is wrong with the complete answer; None if it is right."""
        status = bytes(self._received[9:12])
        if status != b"200":
            return f"status {status.decode()}: {self._body()[:200].decode(errors='replace')}"
        body = self._body()
        if streamed and b"data: [DONE]" not in body:
            return "the stream ends without [DONE]"
        content = b"".join(_CONTENT.findall(body)).decode()
        return None if content == text else f"the text is not what the model said: {content[:200]!r}"

    def fault_of_submission(self) -> str | None:
        """As `fault`, where a job was submitted."""
        if bytes(self._received[9:12]) == b"202" and b'"status":"queued"' in self._body():
            return None
        return f"not accepted: {bytes(self._received[:300]).decode(errors='replace')}"

    def _read_head(self) -> bool:
        end = self._received.find(_END_OF_HEAD)
        if end < 0:
            return False
        self._body_start = end + len(_END_OF_HEAD)
        _, found, rest = bytes(self._received[:end]).lower().partition(b"\r\ncontent-length:")
        if found:
            self._length = int(rest.split(b"\r\n", 1)[0])
        return True

    def _body(self) -> bytes:
        body = bytes(self._received[self._body_start :])
        return body if self._length is not None else dechunked(body)


def dechunked(body: bytes) -> bytes:
    """A body in HTTP's chunked form, without the form. Raises ValueError if it is none."""
    parts = []
    at = 0
    while size := int(body[at : (line_end := body.index(b"\r\n", at))], 16):
        parts.append(body[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2
    return b"".join(parts)
