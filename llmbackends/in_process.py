"""What the backends that answer in this process have in common."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from .base import CheckReport
from .catalog import Provider
from .errors import BackendTimeout, BackendUnavailable
from .requests import RequestRules
from .spec import BackendSpec
from .texts import Sentence, gettext_noop
from .types import (
    ChatChunk,
    ChatRequest,
    ChatResult,
    ChunkCollector,
    EmbeddingRequest,
    EmbeddingResult,
    Feature,
)


class InProcessBackend(ABC):
    """Implements the part of ChatBackend that follows from `stream`.

    A subclass begins its `stream` with `prepare`.
    """

    def __init__(self, spec: BackendSpec, provider: Provider) -> None:
        self.name = provider.id
        self.model = spec.model or provider.default_model or provider.id
        self.features = provider.features
        self.sampling_parameters = provider.sampling_parameters
        self._spec = spec
        self._provider = provider
        self._rules = RequestRules(spec, provider)
        self._is_closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, model={self.model!r})"

    @abstractmethod
    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[ChatChunk]]: ...

    @abstractmethod
    async def check(self) -> CheckReport: ...

    @abstractmethod
    async def list_models(self) -> tuple[str, ...]: ...

    async def complete(self, request: ChatRequest) -> ChatResult:
        collector = ChunkCollector()
        async with self.stream(request) as chunks:
            async for chunk in chunks:
                collector.add(chunk)
        return collector.result()

    async def generate(self, prompt: str) -> str:
        return (await self.complete(ChatRequest(prompt=prompt))).text

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """A backend that has embeddings says so in its row, and writes this method."""
        raise self._rules.unsupported(Feature.EMBEDDINGS)

    async def aclose(self) -> None:
        self._is_closed = True

    def prepare(self, request: ChatRequest) -> ChatRequest:
        """Raises UnsupportedFeature, RequestError, or BackendUnavailable if the backend has been closed."""
        self._require_open()
        return self._rules.apply(request)

    def prepare_embedding(self) -> None:
        """For a subclass's `embed` to begin with. Raises UnsupportedFeature or BackendUnavailable."""
        self._require_open()
        self._rules.require_embeddings()

    def _require_open(self) -> None:
        if self._is_closed:
            raise BackendUnavailable(Sentence(gettext_noop("This backend has been closed.")), retryable=False)


class Deadline:
    """The end of the time that one call has. Belongs to the running event loop."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._at = asyncio.get_running_loop().time() + timeout_s

    @contextlib.asynccontextmanager
    async def limit(self, doing: Sentence, *, processed: bool = True) -> AsyncIterator[None]:
        """Raises BackendTimeout. `processed`: whether the request may have been worked on by then."""
        try:
            async with asyncio.timeout_at(self._at):
                yield
        except TimeoutError as error:
            raise BackendTimeout(
                Sentence(
                    gettext_noop("%(doing)s took more than %(timeout_s)s s."),
                    doing=doing,
                    timeout_s=f"{self._timeout_s:g}",
                ),
                processed=processed,
            ) from error
