"""Where every answer of a model begins, whether a job or a waiting client asked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from llmbackends.types import ChatChunk, ChatRequest
from llmconfigs.active import ActiveBackend, active_backend
from llmconfigs.health import ensure_healthy
from llmconfigs.selection import ActiveSpec


@dataclass(frozen=True, slots=True)
class Completion:
    """The backend that will answer; valid inside the block of `begin()`."""

    _lease: ActiveBackend

    @property
    def active(self) -> ActiveSpec:
        return self._lease.active

    async def ensure_healthy(self) -> None:
        """Raises BackendError; a check that succeeded a moment ago counts."""
        await ensure_healthy(self._lease)

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[ChatChunk]]:
        """As ChatBackend.stream. Raises BackendError."""
        return self._lease.backend.stream(request)


@asynccontextmanager
async def begin() -> AsyncIterator[Completion]:
    """The active configuration's backend. Raises ConfigurationError where there is none that can be used."""
    async with active_backend() as lease:
        yield Completion(lease)
