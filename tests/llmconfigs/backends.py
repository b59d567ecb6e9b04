"""A backend that the tests watch: the far end of what this package does with one."""

from __future__ import annotations

import asyncio
from typing import Any

from llmbackends.base import CheckReport
from llmbackends.errors import BackendUnavailable
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatRequest, ChatResult, FinishReason


class WatchedBackend:
    """Counts what is done to it; `check` waits for `gate` and fails while `healthy` is false."""

    def __init__(self, spec: BackendSpec) -> None:
        self.name, self.model = spec.provider, spec.model
        self.sampling_parameters = frozenset({"max_tokens"})
        self.closed = 0
        self.checks = 0
        self.healthy = True
        self.gate = asyncio.Event()
        self.gate.set()

    async def check(self) -> CheckReport:
        self.checks += 1
        await self.gate.wait()
        if not self.healthy:
            raise BackendUnavailable("It is down.")
        return CheckReport("It is up.", 0.0)

    async def complete(self, request: ChatRequest) -> ChatResult:
        return ChatResult("Yes.", FinishReason.STOP)

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


class Workshop:
    """Builds WatchedBackends and remembers them."""

    def __init__(self, *, healthy: bool = True) -> None:
        self.healthy = healthy
        self.built: list[WatchedBackend] = []

    def build(self, spec: BackendSpec) -> Any:
        backend = WatchedBackend(spec)
        backend.healthy = self.healthy
        self.built.append(backend)
        return backend

    @property
    def open(self) -> list[WatchedBackend]:
        return [backend for backend in self.built if not backend.closed]
