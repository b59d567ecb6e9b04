"""How one attempt at a job ended, for claims.py to write into the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmbackends.types import FinishReason, TokenUsage

from ..failures import PublicError
from ..models import JobStatus


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Which configuration the attempt used, for staff; `config_id` is None for the environment's.

    backend: under which breakers.py knows it.
    """

    config_id: int | None
    config_name: str
    provider: str
    model: str
    backend: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """What staff see of an attempt. `was_there`: whether the model was, where that is known; else it may
    have asked to be left alone for `retry_after_s`."""

    answered_by: AnsweredBy | None = None
    first_chunk_s: float | None = None
    duration_s: float | None = None
    failure_detail: str = ""
    was_there: bool | None = None
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt has come. `tokens`: the pieces of the answer or the count that the backend gave."""

    text: str = ""
    tokens: int = 0


NOTHING_YET: Final = Progress()
NOTHING_USED: Final = TokenUsage(0, 0)
OUTPUT_INCOMPLETE: Final = "output_incomplete"
"""The warning of a result that does not fit, where its generator passes such on."""
MOST_TOKENS: Final = 2**31 - 1
"""That the column takes, whatever a backend claims."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished attempt. `text` and `tokens_so_far` also tell what came before a failure or cancellation.

    data: what a generator of JSON has made. warnings: words for the client. estimate: what was used, as far
    as can be told, where it was not counted and `usage` is None.
    """

    status: JobStatus
    trace: Trace
    text: str = ""
    tokens_so_far: int = 0
    tool_calls: tuple[Mapping[str, str], ...] = ()
    finish_reason: FinishReason | None = None
    usage: TokenUsage | None = None
    error: PublicError | None = None
    data: Any = None
    warnings: tuple[str, ...] = ()
    estimate: TokenUsage = NOTHING_USED


@dataclass(frozen=True, slots=True)
class Postponement:
    """The model was not ready: the job goes back to the queue for `delay_s`."""

    delay_s: float
    trace: Trace


def failed(error: PublicError, *, trace: Trace, progress: Progress = NOTHING_YET, **used: Any) -> Outcome:
    """used: the fields of an Outcome that say what it cost."""
    return Outcome(
        status=JobStatus.FAILED,
        trace=trace,
        text=progress.text,
        tokens_so_far=progress.tokens,
        error=error,
        **used,
    )
