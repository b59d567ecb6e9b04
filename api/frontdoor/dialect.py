"""What a route of somebody else's API has to know: how its requests are read and its answers written.

A dialect is pure: bytes in, our types out, and back. It opens nothing, waits for nothing and never learns
which model answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from generation.failures import PublicError
from llmbackends.types import ChatChunk, ChatRequest, ChatResult, TokenUsage


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a dialect has read it.

    model: the alias, as the client wrote it. requests: one for each choice that the answer shall have, which
    are generated side by side. details: what the dialect itself needs when it writes the answer.
    """

    model: str
    requests: tuple[ChatRequest, ...]
    stream: bool = False
    details: Any = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """What marks an answer as ours. `id`: 32 hexadecimal digits; `created`: Unix time; `model`: the alias."""

    id: str
    created: int
    model: str

    def tool_call_id(self, choice: int, index: int) -> str:
        """In place of the upstream's id, whose form would tell who made it."""
        return f"call_{self.id[:20]}{choice:02d}{index:02d}"


class StreamWriter(Protocol):
    """The events of one streamed answer as bytes, in SSE framing; b"" where there is nothing to say."""

    def opening(self) -> bytes: ...

    def chunk(self, choice: int, chunk: ChatChunk) -> bytes: ...

    def closing(self, usage: TokenUsage) -> bytes:
        """After the last chunk of every choice. `usage` is the sum of all, estimated where nobody counted."""
        ...

    def failure(self, error: PublicError) -> bytes:
        """In place of `closing`: the stream ends with an error, and must not look as if it had ended well."""
        ...


class Dialect(Protocol):
    """One route. `name` stands in usage records: "chat.completions"."""

    name: str

    def read(self, body: bytes) -> Ask:
        """Raises ApiError, whose message says what to do and whose `param` names the field."""
        ...

    def answer(self, ask: Ask, results: Sequence[ChatResult], usage: TokenUsage, stamp: Stamp) -> bytes:
        """The JSON of a whole answer, one result for each of `ask.requests`, in their order."""
        ...

    def stream(self, ask: Ask, stamp: Stamp) -> StreamWriter: ...
