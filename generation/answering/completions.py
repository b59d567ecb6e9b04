"""Where every answer of a model begins, whether a job or a waiting client asked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from epochs.current import Epochs
from llmbackends.client_bounds import capped
from llmbackends.types import (
    ChatChunk,
    ChatRequest,
    ChatResult,
    EmbeddingRequest,
    EmbeddingResult,
    Feature,
)
from llmconfigs.active import ActiveBackend, active_backend
from llmconfigs.chosen import chosen_backend
from llmconfigs.health import ensure_healthy
from llmconfigs.selection import ActiveSpec

from . import choices


@dataclass(frozen=True, slots=True)
class Completion:
    """The backend that will answer; valid inside the block of `begin()`. All calls raise BackendError."""

    _lease: ActiveBackend

    @property
    def active(self) -> ActiveSpec:
        return self._lease.active

    @property
    def features(self) -> frozenset[Feature]:
        return self._lease.backend.features

    async def ensure_healthy(self) -> None:
        """A check that succeeded a moment ago counts."""
        await ensure_healthy(self._lease)

    async def complete(self, requests: Sequence[ChatRequest]) -> list[ChatResult]:
        """A result for each request, in their order; they are generated side by side."""
        backend = self._lease.backend
        if len(requests) == 1:
            return [await backend.complete(self._bounded(requests[0]))]
        return await choices.gather([backend.complete(self._bounded(request)) for request in requests])

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[ChatChunk]]:
        """As ChatBackend.stream."""
        return self._lease.backend.stream(self._bounded(request))

    def stream_ours(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[ChatChunk]]:
        """As `stream`, of a request whose sampling is not the client's but staff's."""
        return self._lease.backend.stream(self._capped(request))

    def stream_all(
        self, requests: Sequence[ChatRequest]
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, ChatChunk]]]:
        """The chunks of all requests as they come, each with its request's number."""
        return choices.merged([self.stream(request) for request in requests])

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        return await self._lease.backend.embed(request)

    def _bounded(self, request: ChatRequest) -> ChatRequest:
        """With those of its sampling parameters that clients may set here."""
        spec, backend = self._lease.active.spec, self._lease.backend
        allowed = spec.client_bounds.within(
            request.sampling, own=spec.sampling, known=backend.sampling_parameters
        )
        return request if allowed is request.sampling else replace(request, sampling=allowed)

    def _capped(self, request: ChatRequest) -> ChatRequest:
        """With what the service knows of it, and no more tokens than the configuration allows."""
        spec, backend = self._lease.active.spec, self._lease.backend
        return replace(
            request, sampling=capped(request.sampling, own=spec.sampling, known=backend.sampling_parameters)
        )


class begin:
    """The active configuration's backend as a Completion, for the time of the block.

    Entering raises ConfigurationError where there is none that can be used. epochs: what a check that began
    after the request had arrived has found; None: makes one now.
    """

    __slots__ = ("_backend",)

    def __init__(self, epochs: Epochs | None = None) -> None:
        self._backend = active_backend(epochs)

    async def __aenter__(self) -> Completion:
        return Completion(await self._backend.__aenter__())

    async def __aexit__(self, *error: Any) -> None:
        await self._backend.__aexit__(*error)


@asynccontextmanager
async def begin_with(chosen: ActiveSpec) -> AsyncIterator[Completion]:
    """As `begin`, with a configuration that staff chose, active or not, from `llmconfigs.chosen`."""
    async with chosen_backend(chosen) as lease:
        yield Completion(lease)
