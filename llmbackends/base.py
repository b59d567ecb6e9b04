"""The protocol that every backend keeps; tests/llmbackends/test_contract.py lists its promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .types import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult, Feature


@dataclass(frozen=True, slots=True)
class CheckReport:
    """A check that succeeded. `detail` is a sentence for staff."""

    detail: str
    took_s: float


@runtime_checkable
class ChatBackend(Protocol):
    """One model at one provider.

    A backend belongs to the event loop it was first used on and is closed there. Its methods may run at
    the same time. They raise BackendError and nothing else (CancelledError apart).
    """

    name: str
    model: str
    features: frozenset[Feature]
    sampling_parameters: frozenset[str]

    async def complete(self, request: ChatRequest) -> ChatResult:
        """The whole answer. Cancelling closes the upstream connection at once."""
        ...

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[ChatChunk]]:
        """The answer in pieces: `async with backend.stream(request) as chunks: async for chunk in chunks`.

        Entering sends the request and waits for the first chunk, so an early failure raises there, after the
        retries it deserves. Leaving closes the upstream connection at once, read to the end or not. The
        last chunk, and only it, has a finish reason.
        """
        ...

    async def generate(self, prompt: str) -> str:
        """The text for a bare prompt, by the provider's prompt route where it has one."""
        ...

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """A vector for each text. Raises UnsupportedFeature where the provider has no embeddings."""
        ...

    async def check(self) -> CheckReport:
        """Is the service there, does it take the key, does it have the model? Costs no tokens."""
        ...

    async def list_models(self) -> tuple[str, ...]:
        """The names of the service's models, sorted. Raises UnsupportedFeature where it cannot tell."""
        ...

    async def aclose(self) -> None:
        """Frees connections and memory; safe to call twice."""
        ...
