"""A backend that does what a test tells it, in place of the active one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from epochs.current import Epochs
from llmbackends.base import CheckReport
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatChunk, ChatRequest, Feature, FinishReason, Sampling, TokenUsage
from llmconfigs.active import ActiveBackend
from llmconfigs.selection import ActiveSpec


def answering(text: str, reason: FinishReason = FinishReason.STOP) -> list[ChatChunk]:
    """The steps of a stream with this text in two pieces, which cost 3 and 2 tokens."""
    half = len(text) // 2
    last = ChatChunk(finish_reason=reason, usage=TokenUsage(3, 2))
    return [ChatChunk(text[:half]), ChatChunk(text[half:]), last]


LAST = ChatChunk(finish_reason=FinishReason.STOP, usage=TokenUsage(3, 2))
FOREVER = object()
"""A step of a stream that waits until it is cancelled."""


@dataclass
class ScriptedBackend:
    """`checks`: an exception or None for each check; `stream_steps`: the steps of every stream, chunks or
    exceptions, but for the first ones, whose steps are in `streams`; `entering`: what entering each raises.
    `requests` has what arrived, `closed` how many streams were left."""

    checks: list[Exception | None] = field(default_factory=list)
    stream_steps: list[Any] = field(default_factory=lambda: [ChatChunk("Hello"), ChatChunk(" you"), LAST])
    streams: list[list[Any]] = field(default_factory=list)
    entering: list[Exception | None] = field(default_factory=list)
    selecting: BaseException | None = None
    check_hangs: bool = False
    requests: list[ChatRequest] = field(default_factory=list)
    closed: int = 0
    waiting: threading.Event = field(default_factory=threading.Event)

    name = "scripted"
    model = "scripted-model"
    features: frozenset[Feature] = frozenset()
    sampling_parameters: frozenset[str] = frozenset()
    own_sampling: Sampling = Sampling()

    async def check(self) -> CheckReport:
        if self.check_hangs:
            await asyncio.Event().wait()
        error = self.checks.pop(0) if self.checks else None
        if error is not None:
            raise error
        return CheckReport("ready", 0.0)

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[ChatChunk]]:
        self.requests.append(request)
        error = self.entering.pop(0) if self.entering else None
        if error is not None:
            raise error
        try:
            yield self._chunks()
        finally:
            self.closed += 1

    async def _chunks(self) -> AsyncIterator[ChatChunk]:
        for step in self.streams.pop(0) if self.streams else self.stream_steps:
            if step is FOREVER:
                self.waiting.set()
                await asyncio.Event().wait()
            if isinstance(step, Exception):
                raise step
            yield step

    @asynccontextmanager
    async def as_active_backend(self, epochs: Epochs | None = None) -> AsyncIterator[ActiveBackend]:
        if self.selecting is not None:
            raise self.selecting
        spec = BackendSpec(provider=self.name, model=self.model, sampling=self.own_sampling)
        yield ActiveBackend(ActiveSpec(spec, None, "", 0, "environment"), self)  # type: ignore[arg-type]
