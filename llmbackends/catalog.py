"""The providers, as rows of data. A new provider is a new row here, or a plugin's own row.

Nothing elsewhere asks which provider it is: what differs between two providers is a field of `Provider`.
Source of the endpoints, routes and defaults: each service's public API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from .texts import gettext_noop
from .types import Feature

Schema = Mapping[str, Any]


class Locality(StrEnum):
    LOCAL = "local"
    """On-premise: allowed in production."""
    REMOTE = "remote"
    """Sends data outside: development and test only."""
    BY_HOST = "by_host"
    """On-premise if its endpoint's host is."""


class KeyPolicy(StrEnum):
    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class CheckCall:
    """The GET that proves a service healthy.

    path: below the endpoint; None: the driver asks the wire (the generic provider's path is an option).
    lists_models: the answer is the list of models, and the spec's model must be in it.
    """

    path: str | None
    lists_models: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """A service that runs models.

    driver: what answers: "http" (a wire format over HTTP) or the name of an in-process backend.
    wire: the module of llmbackends.wire; None for an in-process backend.
    chat_path, prompt_path, embeddings_path, models_path: below the endpoint; None where the service has no
        such route.
    takes_named_tool: False where the service reads only words in tool_choice: then a tool chosen by name is
        sent as the only one, and required.
    parameters: JSON Schema of the sampling parameters it takes; a name that is not there is not supported.
    options: JSON Schema of the provider's own settings.
    """

    id: str
    label: str
    locality: Locality
    driver: str = "http"
    wire: str | None = None
    key: KeyPolicy = KeyPolicy.NONE
    key_prefix: str = ""
    auth: Literal["bearer", "x-api-key"] = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict)
    default_endpoint: str | None = None
    endpoint_required: bool = True
    default_model: str | None = None
    default_timeout_s: float = 120.0
    chat_path: str | None = None
    prompt_path: str | None = None
    embeddings_path: str | None = None
    models_path: str | None = None
    check: CheckCall = CheckCall(None)
    features: frozenset[Feature] = frozenset()
    takes_named_tool: bool = True
    parameters: Schema = field(default_factory=dict)
    options: Schema = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def sampling_parameters(self) -> frozenset[str]:
        return frozenset(self.parameters.get("properties", ()))


_NUMBER_2 = {"type": "number", "minimum": -2, "maximum": 2}
_PARAMETERS: dict[str, Schema] = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "top_k": {"type": "integer", "minimum": 1},
    "min_p": {"type": "number", "minimum": 0, "maximum": 1},
    "presence_penalty": _NUMBER_2,
    "frequency_penalty": _NUMBER_2,
    "repeat_penalty": {"type": "number", "exclusiveMinimum": 0, "maximum": 2},
    "seed": {"type": "integer"},
    "max_tokens": {"type": "integer", "minimum": 1},
    "stop": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 16},
}


def object_schema(properties: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def parameters(*names: str, **changed: Schema) -> Schema:
    """The schema of the named sampling parameters; `changed` replaces the usual bounds of some."""
    return object_schema({name: changed.get(name, _PARAMETERS[name]) for name in names})


_OPENAI_PARAMETERS = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "max_tokens", "stop",
)  # fmt: skip
_LLAMA_PARAMETERS = (*_OPENAI_PARAMETERS, "top_k", "min_p", "repeat_penalty")
_ALL_FEATURES = frozenset(Feature)
_CONTEXT_SIZE: Schema = {"type": "integer", "minimum": 512, "maximum": 32768}
_THREADS: Schema = {"type": "integer", "minimum": 1, "maximum": 64}
_NO_OPTIONS = object_schema({})

_TEXT: Schema = {"type": "string", "minLength": 1}
_HEADERS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}

OLLAMA = Provider(
    id="ollama",
    label="Ollama",
    locality=Locality.LOCAL,
    wire="ollama",
    default_endpoint="http://localhost:11434",
    default_model="codellama:13b",
    chat_path="/api/chat",
    prompt_path="/api/generate",
    embeddings_path="/api/embed",
    models_path="/api/tags",
    check=CheckCall("/api/tags", lists_models=True),
    # logprobs since 0.12.11, https://docs.ollama.com/api, read 2026-11; older servers tell none
    features=_ALL_FEATURES - {Feature.TOOL_CHOICE},
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema({"context_size": _CONTEXT_SIZE, "keep_alive": _TEXT}),
)

LLAMA_CPP = Provider(
    id="llama-cpp",
    label=gettext_noop("llama.cpp server"),
    locality=Locality.LOCAL,
    wire="openai_chat",
    key=KeyPolicy.OPTIONAL,
    default_endpoint="http://localhost:8080",
    default_model="codellama",
    chat_path="/v1/chat/completions",
    prompt_path="/v1/completions",
    embeddings_path="/v1/embeddings",
    models_path="/v1/models",
    check=CheckCall("/health"),
    features=_ALL_FEATURES,
    takes_named_tool=False,
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=_NO_OPTIONS,
)

LOCAL_LLM = Provider(
    id="local-llm",
    label=gettext_noop("llama.cpp in process"),
    locality=Locality.LOCAL,
    driver="local",
    endpoint_required=False,
    features=_ALL_FEATURES - {Feature.IMAGES},
    takes_named_tool=False,
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema(
        {"model_path": _TEXT, "context_size": _CONTEXT_SIZE, "threads": _THREADS}, required=("model_path",)
    ),
    aliases=("local-llama-cpp",),
)

VLLM = Provider(
    id="vllm",
    label="vLLM",
    locality=Locality.LOCAL,
    wire="openai_chat",
    key=KeyPolicy.OPTIONAL,
    default_endpoint="http://localhost:8000",
    default_model="codellama/CodeLlama-13b-hf",
    chat_path="/v1/chat/completions",
    prompt_path="/v1/completions",
    embeddings_path="/v1/embeddings",
    models_path="/v1/models",
    check=CheckCall("/health"),
    features=_ALL_FEATURES,
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=_NO_OPTIONS,
)

GROQ = Provider(
    id="groq",
    label="Groq",
    locality=Locality.REMOTE,
    wire="openai_chat",
    key=KeyPolicy.REQUIRED,
    default_endpoint="https://api.groq.com/openai/v1",
    default_model="llama-3.3-70b-versatile",
    default_timeout_s=60.0,
    chat_path="/chat/completions",
    models_path="/models",
    check=CheckCall("/models"),
    # logprobs are answered with 400: https://console.groq.com/docs/openai, read 2026-11
    features=_ALL_FEATURES - {Feature.LOGPROBS, Feature.EMBEDDINGS},
    parameters=parameters(*_OPENAI_PARAMETERS),
    options=_NO_OPTIONS,
)

OPENAI = Provider(
    id="openai",
    label="OpenAI",
    locality=Locality.REMOTE,
    wire="openai_chat",
    key=KeyPolicy.REQUIRED,
    default_endpoint="https://api.openai.com/v1",
    default_model="gpt-4o-mini",
    chat_path="/chat/completions",
    embeddings_path="/embeddings",
    models_path="/models",
    check=CheckCall("/models"),
    features=_ALL_FEATURES,
    parameters=parameters(*_OPENAI_PARAMETERS),
    options=object_schema({"max_tokens_field": {"enum": ["max_tokens", "max_completion_tokens"]}}),
)

ANTHROPIC = Provider(
    id="anthropic",
    label="Anthropic",
    locality=Locality.REMOTE,
    wire="anthropic_messages",
    key=KeyPolicy.REQUIRED,
    key_prefix="sk-ant-",
    auth="x-api-key",
    headers={"anthropic-version": "2023-06-01"},
    default_endpoint="https://api.anthropic.com/v1",
    default_model="claude-3-5-sonnet-20241022",
    chat_path="/messages",
    models_path="/models",
    check=CheckCall("/models"),
    features=frozenset({Feature.TOOLS, Feature.TOOL_CHOICE, Feature.IMAGES}),
    parameters=parameters(
        "temperature", "top_p", "top_k", "max_tokens", "stop",
        temperature={"type": "number", "minimum": 0, "maximum": 1},
    ),
    options=_NO_OPTIONS,
)  # fmt: skip

OPENROUTER = Provider(
    id="openrouter",
    label="OpenRouter",
    locality=Locality.REMOTE,
    wire="openai_chat",
    key=KeyPolicy.REQUIRED,
    default_endpoint="https://openrouter.ai/api/v1",
    default_model="openai/gpt-4o-mini",
    chat_path="/chat/completions",
    # https://openrouter.ai/docs (createembeddingsrequest), read 2026-11
    embeddings_path="/embeddings",
    models_path="/models",
    check=CheckCall("/key"),  # its /models needs no key, so it proves nothing
    features=_ALL_FEATURES,
    parameters=parameters(*_OPENAI_PARAMETERS, "top_k", "min_p"),
    options=_NO_OPTIONS,
)

DUMMY = Provider(
    id="dummy",
    label=gettext_noop("Dummy"),
    locality=Locality.LOCAL,
    driver="dummy",
    endpoint_required=False,
    default_model="dummy",
    features=_ALL_FEATURES,
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema(
        {
            "text": {"type": "string"},
            "delay_s": {"type": "number", "minimum": 0, "maximum": 600},
            "tokens_per_s": {"type": "number", "exclusiveMinimum": 0},
            "fail": {"enum": ["check", "unavailable", "rate_limited", "timeout", "bad_answer", "cut"]},
        }
    ),
)

HTTP_GENERIC = Provider(
    id="http-generic",
    label=gettext_noop("JSON over HTTP"),
    locality=Locality.BY_HOST,
    wire="generic_json",
    key=KeyPolicy.OPTIONAL,
    features=frozenset(),
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema(
        {
            "method": {"enum": ["POST", "PUT"]},
            "path": {"type": "string"},
            "headers": _HEADERS,
            "body": {"type": "object"},
            "text_path": _TEXT,
            "prompt_tokens_path": _TEXT,
            "completion_tokens_path": _TEXT,
            "finish_reason_path": _TEXT,
            "error_path": _TEXT,
            "stream_body": {"type": "object"},
            "stream_framing": {"enum": ["sse", "ndjson"]},
            "stream_text_path": _TEXT,
            "stream_end": _TEXT,
            "check_path": _TEXT,
            "models_path": _TEXT,
            "model_names_path": _TEXT,
        },
        required=("body", "text_path"),
    ),
)

PROVIDERS: tuple[Provider, ...] = (
    OLLAMA,
    LLAMA_CPP,
    LOCAL_LLM,
    VLLM,
    GROQ,
    OPENAI,
    ANTHROPIC,
    OPENROUTER,
    DUMMY,
    HTTP_GENERIC,
)
