"""What the mock upstream shall do with a request. It stands in the prompt, which every proxy passes on."""

from __future__ import annotations

import json
from dataclasses import dataclass

_MARK = b"plan:"
SUBMISSION = json.dumps({"prompt": "Tell me of the tide.", "metadata": {"order": "4711"}}).encode()
TEXT = "The tide comes in and goes out, twice a day, and the moon alone decides how far."


@dataclass(frozen=True, slots=True)
class Plan:
    """`delay_ms`: before the answer begins. `chunks`: of content, where the answer is a stream. `pace_ms`:
    between two of them; 0 writes them all at once."""

    delay_ms: int = 0
    chunks: int = 20
    pace_ms: int = 0

    @property
    def mark(self) -> str:
        return f"plan:{self.delay_ms}/{self.chunks}/{self.pace_ms};"

    @property
    def pieces(self) -> list[str]:
        """The content of each chunk: numbered, so that a missing or a swapped one shows."""
        return [f" tide{number}" for number in range(self.chunks)]

    @property
    def streamed_text(self) -> str:
        return "".join(self.pieces)


def request_body(plan: Plan, *, streamed: bool) -> bytes:
    """A chat completion request, the same for every target."""
    body = {
        "model": "default",
        "messages": [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": f"Tell me of the tide. {plan.mark}"},
        ],
        "max_tokens": 100,
    }
    if streamed:
        body["stream"] = True
    return json.dumps(body).encode()


def marked_plan(body: bytes) -> bytes | None:
    """The plan's mark in a request body, without reading the body as JSON; None if there is none."""
    start = body.find(_MARK)
    end = body.find(b";", start)
    return None if start < 0 or end < 0 else body[start + len(_MARK) : end]


def read_plan(mark: bytes) -> Plan:
    delay_ms, chunks, pace_ms = mark.split(b"/")
    return Plan(int(delay_ms), int(chunks), int(pace_ms))
