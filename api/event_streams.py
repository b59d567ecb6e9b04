"""A job as server-sent events, written by hand: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from background.threads import give_thread_back
from generation.following import watching
from generation.following.attended import Moment, attended
from generation.models import GenerationJob

from .answers import generation
from .errors import error_body, to_api_error

HEARTBEAT_S = 15.0
_RESTARTING = "The server is about to restart. Connect again to go on."


async def event_stream(job_id: UUID) -> AsyncGenerator[bytes, None]:
    """Ends after the event of the last status, and within a moment when the process begins to drain.

    Neither a thread nor a database connection is held here: `watching` reads for all streams of the process.
    """
    await give_thread_back()
    told = _Told()
    changes = cast(AsyncGenerator[GenerationJob], watching.changes(job_id))
    try:
        async with aclosing(attended(changes, silence_s=HEARTBEAT_S)) as moments:
            async for job in moments:
                if job is Moment.SILENCE:
                    yield b": waiting\n\n"
                elif job is Moment.DRAINING:
                    yield _event("draining", {"message": _RESTARTING})
                else:
                    for event in told.news(job):
                        yield event
    except Exception as error:
        yield _event("error", {"error": error_body(to_api_error(error).public)})


@dataclass
class _Told:
    """What the client knows already."""

    status: str | None = None
    text: str = ""
    tokens: int = 0

    def news(self, job: GenerationJob) -> Iterator[bytes]:
        """The text first, so that nothing follows the last status."""
        if job.text != self.text:
            self.text = job.text
            yield _event("text", {"text": job.text})
        if job.tokens != self.tokens:
            self.tokens = job.tokens
            yield _event("tokens", {"tokens": job.tokens})
        if job.status != self.status:
            self.status = job.status
            yield _event("status", generation(job).model_dump(mode="json"))


def _event(name: str, data: dict[str, Any]) -> bytes:
    # In ASCII nothing is left that a client could take for the end of the line, such as U+2028.
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
