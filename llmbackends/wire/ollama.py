"""Ollama's own language: `/api/chat`, and `/api/generate` for a bare prompt.
Source: https://docs.ollama.com/api.

Options: `context_size` (tokens) becomes num_ctx; `keep_alive` is how long the model stays loaded, a duration
such as "5m" or a number of seconds ("-1": for ever).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..types import (
    ChatRequest,
    ChatResult,
    EmbeddingRequest,
    EmbeddingResult,
    ImagePart,
    Message,
    ResponseFormat,
    Tool,
    ToolCall,
)
from . import Framing, Options, StreamDecoder, WireCall, WireError, ollama_answer
from .encoding import arguments_object, renamed
from .payload import model_names
from .reported import error_in

_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repeat_penalty": "repeat_penalty",
    "seed": "seed",
    "max_tokens": "num_predict",
    "stop": "stop",
}


def framing(options: Options) -> Framing | None:
    return "ndjson"


def check_options(options: Options) -> None:
    pass


def encode(
    request: ChatRequest, *, model: str, stream: bool, prompt_route: bool, options: Options
) -> WireCall:
    """A prompt with tools becomes a chat: the generate route lacks them."""
    common = {"model": model, "stream": stream, **_settings(request, options)}
    if prompt_route and request.prompt is not None and not request.tools:
        return WireCall({**common, "prompt": request.prompt}, route="prompt")
    body = {**common, "messages": _messages(request.as_messages)}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    return WireCall(body)


def decode(payload: Any, *, route: str, options: Options) -> ChatResult:
    return ollama_answer.decode(payload, route=route)


def stream_decoder(*, route: str, options: Options) -> StreamDecoder:
    return ollama_answer.OllamaStreamDecoder(route)


def encode_embeddings(request: EmbeddingRequest, *, model: str, options: Options) -> dict[str, Any]:
    """A text that is too long is refused instead of being cut."""
    body = {"model": model, "input": list(request.texts), "truncate": False, **_model_settings({}, options)}
    return body if request.dimensions is None else {**body, "dimensions": request.dimensions}


def decode_embeddings(payload: Any, *, request: EmbeddingRequest, options: Options) -> EmbeddingResult:
    return ollama_answer.decode_embeddings(payload, request)


def decode_error(payload: Any, *, options: Options) -> WireError | None:
    return error_in(payload)


def decode_models(payload: Any, *, options: Options) -> tuple[str, ...]:
    return model_names(payload, models_key="models", name_key="name")


def check_path(options: Options) -> str | None:
    return None


def models_path(options: Options) -> str | None:
    return None


def _settings(request: ChatRequest, options: Options) -> dict[str, Any]:
    settings = _model_settings(renamed(request.sampling, _SAMPLING), options)
    if request.response_format is not None and request.response_format.kind != "text":
        settings["format"] = _format(request.response_format)
    if request.top_logprobs is not None:
        settings |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    return settings


def _model_settings(model_options: dict[str, Any], options: Options) -> dict[str, Any]:
    if "context_size" in options:
        model_options["num_ctx"] = options["context_size"]
    settings: dict[str, Any] = {"options": model_options} if model_options else {}
    if "keep_alive" in options:
        settings["keep_alive"] = _keep_alive(options["keep_alive"])
    return settings


def _keep_alive(value: str) -> str | int:
    """As a string the service takes only durations with a unit."""
    try:
        return int(value)
    except ValueError:
        return value


def _format(wanted: ResponseFormat) -> Any:
    return "json" if wanted.kind == "json_object" else wanted.schema


def _messages(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_message(message, names) for message in messages]


def _message(message: Message, tool_names: Mapping[str, str]) -> dict[str, Any]:
    encoded: dict[str, Any] = {"role": message.role, "content": message.text}
    if images := [part.data for part in message.parts if isinstance(part, ImagePart)]:
        encoded["images"] = images
    if message.tool_calls:
        encoded["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.role == "tool":
        encoded |= _answered_call(message, tool_names)
    return encoded


def _answered_call(message: Message, tool_names: Mapping[str, str]) -> dict[str, Any]:
    """Older servers know an answer by the tool's name, newer ones by the call's id as well."""
    call_id = message.tool_call_id or ""
    named = {"tool_name": tool_names[call_id]} if call_id in tool_names else {}
    return {**named, "tool_call_id": call_id}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments_object(call)}}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
