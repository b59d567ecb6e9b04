"""How a stream's bytes fall into events: server-sent events, and JSON lines.

Pure byte parsers, one for each stream. The events do not depend on how the bytes were cut into chunks; an
error is raised after the events that came before it. SSE as in
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, but
invalid UTF-8 is an error here instead of being replaced. `id` and `retry` are for reconnecting, which no
model's stream can do: they are read over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .errors import BadAnswer
from .texts import Sentence, gettext_noop
from .wire import Framing

DEFAULT_MAX_BYTES = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """`event` is the SSE event's name; "" where it has none, and always in NDJSON."""

    event: str
    data: str


class EventParser(Protocol):
    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes; read them all before the next call. Raises BadAnswer."""
        ...

    def close(self) -> Iterator[Event]:
        """The event that the end of the input completes, if any. Raises BadAnswer."""
        ...


def parser_for(framing: Framing) -> EventParser:
    return SSEParser() if framing == "sse" else NDJSONParser()


class SSEParser:
    """Lines end with CR, LF or CRLF; an event that no blank line ended is dropped at the end of input."""

    def __init__(
        self, *, max_line_bytes: int = DEFAULT_MAX_BYTES, max_event_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        self._lines = _Lines(max_line_bytes)
        self._max_event_bytes = max_event_bytes
        self._after_cr = False
        self._event = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        for line in self._lines_of(chunk):
            if line:
                self._read_field(line)
                continue
            if self._data:
                yield self._take_event()
            self._event = b""

    def close(self) -> Iterator[Event]:
        return iter(())

    def _lines_of(self, chunk: bytes) -> Iterable[bytes]:
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")  # the second half of a CRLF
            self._after_cr = False
        if not chunk:
            return ()
        self._after_cr = chunk.endswith(b"\r")
        pieces = chunk.splitlines()  # of bytes: splits at CR, LF and CRLF only
        rest = b"" if chunk.endswith((b"\r", b"\n")) else pieces.pop()
        return self._lines.complete(pieces, rest, len(chunk))

    def _take_event(self) -> Event:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._data_bytes = 0
        return Event(_decode(self._event), _decode(data))

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            if self._data_bytes - 1 > self._max_event_bytes:
                raise BadAnswer(
                    Sentence(
                        gettext_noop("An event of the stream is longer than %(max_event_bytes)s bytes."),
                        max_event_bytes=self._max_event_bytes,
                    )
                )
        elif name == b"event":
            self._event = value


class NDJSONParser:
    """A JSON text on each line, ended by LF or CRLF; the last needs no end. Blank lines are skipped."""

    def __init__(self, *, max_line_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._lines = _Lines(max_line_bytes)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        *pieces, rest = chunk.split(b"\n")  # not at CR, which is white space in JSON
        return self._events(self._lines.complete(pieces, rest, len(chunk)))

    def close(self) -> Iterator[Event]:
        return self._events(self._lines.complete([b""], b"", 0))

    def _events(self, lines: Iterable[bytes]) -> Iterator[Event]:
        for line in lines:
            if text := line.strip():
                yield Event("", _decode(text))


class _Lines:
    """Puts lines together that were cut by the ends of chunks, and drops a byte order mark."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._at_start = True

    def complete(self, pieces: list[bytes], rest: bytes, size: int) -> Iterable[bytes]:
        """The whole lines: what is pending begins the first of `pieces`; then `rest` is pending.

        size: of all of them together, and a bit more where there are ends of lines.
        """
        if self._at_start or len(self._pending) + size > self._max_bytes:
            return self._complete_one_by_one(pieces, rest)
        if pieces and self._pending:
            pieces[0] = bytes(self._pending + pieces[0])
            self._pending.clear()
        self._pending += rest
        return pieces

    def _complete_one_by_one(self, pieces: list[bytes], rest: bytes) -> Iterator[bytes]:
        for piece in pieces:
            self._check_size(piece)
            line = bytes(self._pending + piece) if self._pending else piece
            self._pending.clear()
            yield self._without_mark(line) if self._at_start else line
        self._check_size(rest)
        self._pending += rest

    def _check_size(self, piece: bytes) -> None:
        if len(self._pending) + len(piece) > self._max_bytes:
            raise BadAnswer(
                Sentence(
                    gettext_noop("A line of the stream is longer than %(max_bytes)s bytes."),
                    max_bytes=self._max_bytes,
                )
            )

    def _without_mark(self, line: bytes) -> bytes:
        self._at_start = False
        return line.removeprefix(_BOM)


def _decode(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadAnswer(
            Sentence(
                gettext_noop("The stream is not UTF-8: %(reason)s at byte %(start)s of an event."),
                reason=error.reason,
                start=error.start,
            )
        ) from error
