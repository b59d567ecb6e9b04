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

    description: one line that says to an administrator when to choose it.
    driver: what answers: "http" (a wire format over HTTP) or the name of an in-process backend.
    wire: the module of llmbackends.wire; None for an in-process backend.
    chat_path, prompt_path, embeddings_path, models_path: below the endpoint; None where the service has no
        such route.
    takes_named_tool: False where the service reads only words in tool_choice: then a tool chosen by name is
        sent as the only one, and required.
    parameters: JSON Schema of the sampling parameters it takes; a name that is not there is not supported.
    options: JSON Schema of the provider's own settings.
        Of both, a "title" is what a form calls a value, and a "default" what applies where there is none.
    """

    id: str
    label: str
    locality: Locality
    description: str = ""
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


def _titled(schema: Schema, title: str) -> Schema:
    return {**schema, "title": title}


_NUMBER_2: Schema = {"type": "number", "minimum": -2, "maximum": 2}
_PARAMETERS: dict[str, Schema] = {
    "temperature": _titled({"type": "number", "minimum": 0, "maximum": 2}, gettext_noop("Temperature")),
    "top_p": _titled({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, gettext_noop("Top p")),
    "top_k": _titled({"type": "integer", "minimum": 1}, gettext_noop("Top k")),
    "min_p": _titled({"type": "number", "minimum": 0, "maximum": 1}, gettext_noop("Min p")),
    "presence_penalty": _titled(_NUMBER_2, gettext_noop("Presence penalty")),
    "frequency_penalty": _titled(_NUMBER_2, gettext_noop("Frequency penalty")),
    "repeat_penalty": _titled(
        {"type": "number", "exclusiveMinimum": 0, "maximum": 2}, gettext_noop("Repeat penalty")
    ),
    "seed": _titled({"type": "integer"}, gettext_noop("Seed")),
    "max_tokens": _titled({"type": "integer", "minimum": 1}, gettext_noop("Most tokens of an answer")),
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
_CONTEXT_SIZE: Schema = _titled(
    {"type": "integer", "minimum": 512, "maximum": 32768}, gettext_noop("Context size in tokens")
)
_THREADS: Schema = _titled({"type": "integer", "minimum": 1, "maximum": 64}, gettext_noop("Threads"))
_NO_OPTIONS = object_schema({})

_TEXT: Schema = {"type": "string", "minLength": 1}
_HEADERS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}

OLLAMA = Provider(
    id="ollama",
    label="Ollama",
    locality=Locality.LOCAL,
    description=gettext_noop("Runs open models on a machine of yours and loads them on demand."),
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
    options=object_schema(
        {
            "context_size": _CONTEXT_SIZE,
            "keep_alive": _titled(_TEXT, gettext_noop("How long the model stays loaded, such as 10m")),
        }
    ),
)

LLAMA_CPP = Provider(
    id="llama-cpp",
    label=gettext_noop("llama.cpp server"),
    locality=Locality.LOCAL,
    description=gettext_noop("A llama.cpp server on a machine of yours, with one model loaded."),
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
    description=gettext_noop(
        "A GGUF file that is loaded into Changeover itself: no other service is needed."
    ),
    driver="local",
    endpoint_required=False,
    features=_ALL_FEATURES - {Feature.IMAGES},
    takes_named_tool=False,
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema(
        {
            "model_path": _titled(_TEXT, gettext_noop("Path of the model's GGUF file")),
            "context_size": {**_CONTEXT_SIZE, "default": 4096},
            "threads": _THREADS,
        },
        required=("model_path",),
    ),
    aliases=("local-llama-cpp",),
)

VLLM = Provider(
    id="vllm",
    label="vLLM",
    locality=Locality.LOCAL,
    description=gettext_noop("A vLLM server on machines of yours, for many requests at once on GPUs."),
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
    description=gettext_noop("A service on the internet: prompts leave this organisation."),
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
    description=gettext_noop("A service on the internet: prompts leave this organisation."),
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
    options=object_schema(
        {
            "max_tokens_field": _titled(
                {"enum": ["max_tokens", "max_completion_tokens"]},
                gettext_noop("Name of the field for the most tokens"),
            )
        }
    ),
)

ANTHROPIC = Provider(
    id="anthropic",
    label="Anthropic",
    locality=Locality.REMOTE,
    description=gettext_noop("A service on the internet: prompts leave this organisation."),
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
    features=frozenset({Feature.TOOLS, Feature.TOOL_CHOICE, Feature.IMAGES, Feature.JSON_SCHEMA}),
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
    description=gettext_noop("A service on the internet that passes prompts on to many others."),
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
    description=gettext_noop("No model at all: the same answer each time, for trying things out."),
    driver="dummy",
    endpoint_required=False,
    default_model="dummy",
    features=_ALL_FEATURES,
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema(
        {
            "text": _titled({"type": "string"}, gettext_noop("What it answers")),
            "delay_s": _titled(
                {"type": "number", "minimum": 0, "maximum": 600}, gettext_noop("Seconds to the first token")
            ),
            "tokens_per_s": _titled(
                {"type": "number", "exclusiveMinimum": 0}, gettext_noop("Tokens a second")
            ),
            "fail": _titled(
                {"enum": ["check", "unavailable", "rate_limited", "timeout", "bad_answer", "cut"]},
                gettext_noop("How it fails"),
            ),
        }
    ),
)

HTTP_GENERIC = Provider(
    id="http-generic",
    label=gettext_noop("JSON over HTTP"),
    locality=Locality.BY_HOST,
    description=gettext_noop(
        "Any other service of yours that takes and gives JSON: you describe its requests and answers."
    ),
    wire="generic_json",
    key=KeyPolicy.OPTIONAL,
    features=frozenset(),
    parameters=parameters(*_LLAMA_PARAMETERS),
    options=object_schema(
        {
            "method": _titled({"enum": ["POST", "PUT"]}, gettext_noop("HTTP method")),
            "path": _titled({"type": "string"}, gettext_noop("Path")),
            "headers": _HEADERS,
            "body": {"type": "object"},
            "text_path": _titled(_TEXT, gettext_noop("Where the text is in the answer")),
            "prompt_tokens_path": _titled(_TEXT, gettext_noop("Where the number of prompt tokens is")),
            "completion_tokens_path": _titled(
                _TEXT, gettext_noop("Where the number of completion tokens is")
            ),
            "finish_reason_path": _titled(_TEXT, gettext_noop("Where the reason of the end is")),
            "error_path": _titled(_TEXT, gettext_noop("Where an error's text is")),
            "stream_body": {"type": "object"},
            "stream_framing": _titled({"enum": ["sse", "ndjson"]}, gettext_noop("Framing of a stream")),
            "stream_text_path": _titled(_TEXT, gettext_noop("Where the text is in a piece of a stream")),
            "stream_end": _titled(_TEXT, gettext_noop("What ends a stream")),
            "check_path": _titled(_TEXT, gettext_noop("Path of the health check")),
            "models_path": _titled(_TEXT, gettext_noop("Path of the list of models")),
            "model_names_path": _titled(_TEXT, gettext_noop("Where the names are in the list of models")),
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
