"""One module for each API language: pure functions between our types and a service's JSON.

A wire module is a `Wire`: it opens no connection, knows no provider, and raises BackendError and nothing
else, whatever a service answers. Anything in `options` is the provider's own settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol, cast, runtime_checkable

from ..types import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult

Options = Mapping[str, Any]
Framing = Literal["sse", "ndjson"]


@dataclass(frozen=True, slots=True)
class WireCall:
    """What to send. `route` names the provider's path for it: chat_path or prompt_path.

    method, path and headers: set only where the options of the row decide them (the generic provider).
    """

    body: dict[str, Any]
    route: Literal["chat", "prompt"] = "chat"
    method: str = "POST"
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WireError:
    """What an error body says.

    message: the service's sentence. code: its own word ("" if none).
    status: the HTTP status that the error names itself, for one inside a 200.
    """

    message: str
    code: str = ""
    status: int | None = None


class StreamDecoder(Protocol):
    """Turns the events of one stream into chunks; one decoder for each stream."""

    ended: bool
    """The language's end marker was seen: the chunk with the finish reason is out, nothing follows."""

    def feed(self, event: str, data: str) -> Iterable[ChatChunk]:
        """`event`: the SSE event's name ("" for NDJSON and unnamed events); `data`: its text.

        Raises BackendFailed (or the class that the service's error deserves) on an error event, BadAnswer on
        one that is malformed.
        """
        ...

    def close(self) -> Iterable[ChatChunk]:
        """The connection ended cleanly. Raises StreamCut unless that is the language's end marker."""
        ...


class Wire(Protocol):
    def check_options(self, options: Options) -> None:
        """Raises ConfigurationError on options that their JSON Schema allows and that cannot work.

        Called once, when a backend is built; the other functions may rely on it.
        """
        ...

    def framing(self, options: Options) -> Framing | None:
        """How a stream is framed; None: the service does not stream."""
        ...

    def encode(
        self, request: ChatRequest, *, model: str, stream: bool, prompt_route: bool, options: Options
    ) -> WireCall:
        """The call for `request`, whose sampling is complete. `prompt_route`: the provider has one.

        Raises UnsupportedFeature on what the language cannot say, such as an image in a tool's answer.
        """
        ...

    def decode(self, payload: Any, *, route: str, options: Options) -> ChatResult:
        """The answer in a 2xx body. Raises BadAnswer if it has none, or the error the body reports."""
        ...

    def stream_decoder(self, *, route: str, options: Options) -> StreamDecoder: ...

    def decode_error(self, payload: Any, *, options: Options) -> WireError | None:
        """What the body of a non-2xx answer says; None if it is not in the language's form."""
        ...

    def decode_models(self, payload: Any, *, options: Options) -> tuple[str, ...]:
        """The model names, sorted. Raises BadAnswer."""
        ...

    def check_path(self, options: Options) -> str | None:
        """The path to GET as health check, where the row's options decide it."""
        ...

    def models_path(self, options: Options) -> str | None:
        """The path to GET the list of models, where the row's options decide it."""
        ...


@runtime_checkable
class EmbeddingWire(Protocol):
    """What a Wire has as well if its language knows embeddings."""

    def encode_embeddings(self, request: EmbeddingRequest, *, model: str, options: Options) -> dict[str, Any]:
        """The JSON body to POST to the provider's embeddings_path."""
        ...

    def decode_embeddings(
        self, payload: Any, *, request: EmbeddingRequest, options: Options
    ) -> EmbeddingResult:
        """The vectors in a 2xx body, in the order of the texts (wire/embeddings.py checks them).

        Raises BadAnswer, or the error the body reports.
        """
        ...


def load(name: str) -> Wire:
    return cast(Wire, import_module(f"{__name__}.{name}"))
