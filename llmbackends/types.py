"""What goes into a model and what comes out, in no provider's language.

Every value is frozen, so that it can be shared between tasks and threads. Tokens are `int`, durations
seconds. JSON values (tool parameters, schemas) are plain dicts and lists that nobody changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal

from .errors import StreamCut
from .texts import Sentence, gettext_noop

NO_REASON = Sentence(gettext_noop("The stream ended without saying why."))

JsonObject = Mapping[str, Any]
Role = Literal["system", "user", "assistant", "tool"]


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


class Feature(StrEnum):
    """What a request may need and a provider may lack. Sampling parameters are compared by name instead."""

    TOOLS = "tools"
    TOOL_CHOICE = "tool_choice"
    IMAGES = "images"
    LOGPROBS = "logprobs"
    EMBEDDINGS = "embeddings"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """`data` is base64 without the `data:` prefix; `media_type` for example "image/png"."""

    data: str = field(repr=False)
    media_type: str


ContentPart = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is the JSON text as the model wrote it, which need not be valid JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. A `tool` message answers the call named by `tool_call_id`."""

    role: Role
    content: str | tuple[ContentPart, ...] = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def parts(self) -> tuple[ContentPart, ...]:
        if isinstance(self.content, str):
            return (TextPart(self.content),) if self.content else ()
        return self.content

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def has_images(self) -> bool:
        return not isinstance(self.content, str) and any(isinstance(part, ImagePart) for part in self.content)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `parameters` is a JSON Schema of an object."""

    name: str
    description: str = ""
    parameters: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`name` is set if and only if `mode` is "named"."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`schema` (a JSON Schema) and `name` are set if and only if `kind` is "json_schema"."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    name: str = "response"
    schema: JsonObject | None = None
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. None: the provider's own default, and nothing is sent."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None

    def given(self) -> dict[str, Any]:
        """The parameters that are set, by name, in the order of the fields."""
        return {name: value for name in SAMPLING_NAMES if (value := getattr(self, name)) is not None}

    def over(self, defaults: Sampling) -> Sampling:
        """These parameters, and where one is None, that of `defaults`."""
        given = defaults.given()
        return Sampling(**{**given, **self.given()}) if given else self


SAMPLING_NAMES: tuple[str, ...] = tuple(each.name for each in fields(Sampling))


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Either `messages` or a bare `prompt`, which a provider with a prompt route gets as it stands.

    top_logprobs: how many likely tokens to tell for each token of the answer, with their logarithmic
    probabilities; 0: only those of the tokens chosen; None: nothing of the kind.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    response_format: ResponseFormat | None = None
    top_logprobs: int | None = None
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if (self.prompt is None) == (not self.messages):
            raise ValueError("A ChatRequest has either messages or a prompt, not both and not neither.")

    @property
    def as_messages(self) -> tuple[Message, ...]:
        """The messages; a bare prompt is one user message."""
        return self.messages if self.prompt is None else (Message("user", self.prompt),)

    def features(self) -> frozenset[Feature]:
        """What a backend must be able to do for this request."""
        return frozenset(self._features())

    def _features(self) -> Iterator[Feature]:
        if self.tools:
            yield Feature.TOOLS
        if self.tool_choice is not None and self.tool_choice.mode != "auto":
            yield Feature.TOOL_CHOICE
        if any(message.has_images for message in self.messages):
            yield Feature.IMAGES
        if self.top_logprobs is not None:
            yield Feature.LOGPROBS
        if self.response_format is not None and self.response_format.kind != "text":
            yield Feature(self.response_format.kind)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """`prompt_tokens` counts the whole prompt, read from a cache or not."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class LikelyToken:
    """`logprob`: natural logarithm of its probability. `utf8`: its bytes, maybe but part of a character."""

    token: str
    logprob: float
    utf8: bytes | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of the answer, and the `top` most likely tokens in its place, the likeliest first."""

    chosen: LikelyToken
    top: tuple[LikelyToken, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatResult:
    """A whole answer. `usage` is None where the service counts nothing; `reasoning` is not in `text`."""

    text: str
    finish_reason: FinishReason
    tool_calls: tuple[ToolCall, ...] = ()
    usage: TokenUsage | None = None
    reasoning: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the tool call at `index`: `id` and `name` come with the first, `arguments` in pieces."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """A piece of a streamed answer.

    The last chunk of a stream, and only it, has `finish_reason`; `usage` comes with it, where the service
    counts. A stream that ends without such a chunk has failed.
    """

    text: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: FinishReason | None = None
    usage: TokenUsage | None = None
    reasoning: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to embed, at least one. `dimensions`: how many numbers in each vector; None: the model's own."""

    texts: tuple[str, ...]
    dimensions: int | None = None

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError("An EmbeddingRequest has at least one text.")


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """One vector for each text, in their order. `prompt_tokens` is None where the service counts nothing."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int | None = None


class ChunkCollector:
    """Folds the chunks of one stream into a ChatResult."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, ToolCall] = {}
        self._logprobs: list[TokenLogprob] = []
        self._last: ChatChunk | None = None

    def add(self, chunk: ChatChunk) -> None:
        self._text.append(chunk.text)
        self._reasoning.append(chunk.reasoning)
        self._logprobs += chunk.logprobs
        for delta in chunk.tool_calls:
            before = self._calls.get(delta.index, ToolCall("", "", ""))
            self._calls[delta.index] = ToolCall(
                id=before.id or delta.id or "",
                name=before.name or delta.name or "",
                arguments=before.arguments + delta.arguments,
            )
        if chunk.finish_reason is not None:
            self._last = chunk

    @property
    def text(self) -> str:
        return "".join(self._text)

    def result(self) -> ChatResult:
        """Raises StreamCut if no chunk with a finish reason was added."""
        if self._last is None or self._last.finish_reason is None:
            raise StreamCut(NO_REASON)
        return ChatResult(
            text=self.text,
            finish_reason=self._last.finish_reason,
            tool_calls=tuple(self._calls[index] for index in sorted(self._calls)),
            usage=self._last.usage,
            reasoning="".join(self._reasoning),
            logprobs=tuple(self._logprobs),
        )
