"""The OpenAI language: chat completions, and the older completions for a bare prompt.

Spoken by OpenAI, Groq, OpenRouter, vLLM and the llama.cpp server. Source:
https://platform.openai.com/docs/api-reference (chat, completions, embeddings), the services' own references.

Option `max_tokens_field`: the name for max_tokens in a chat, "max_tokens" unless set. All services know it,
but OpenAI's reasoning models refuse it and want "max_completion_tokens".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..types import (
    ChatRequest,
    ChatResult,
    ContentPart,
    EmbeddingRequest,
    EmbeddingResult,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    Tool,
    ToolCall,
    ToolChoice,
)
from . import Framing, Options, StreamDecoder, WireCall, WireError, openai_answer
from .encoding import renamed, text_only
from .payload import model_names
from .reported import error_in

_SAMPLING = {
    name: name
    for name in (
        "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty",
        "seed", "stop",
    )
}  # fmt: skip

_LEAST_TOP = 1
"""llama.cpp takes 0 for no logprobs at all, and tells 20 for each token where a chat says no number."""


def framing(options: Options) -> Framing | None:
    return "sse"


def check_options(options: Options) -> None:
    pass


def encode(
    request: ChatRequest, *, model: str, stream: bool, prompt_route: bool, options: Options
) -> WireCall:
    """A prompt with tools or a response format becomes a chat: the completions route lacks both."""
    if prompt_route and request.prompt is not None and not _needs_chat(request):
        body = {"model": model, "prompt": request.prompt, **_sampling(request.sampling, "max_tokens")}
        if request.top_logprobs is not None:
            body["logprobs"] = max(request.top_logprobs, _LEAST_TOP)
        return WireCall({**body, **_streaming(stream)}, route="prompt")
    max_tokens_field = options.get("max_tokens_field", "max_tokens")
    body = {
        "model": model,
        "messages": [_message(message) for message in request.as_messages],
        **_sampling(request.sampling, max_tokens_field),
        **dict(_extras(request)),
        **_streaming(stream),
    }
    return WireCall(body)


def decode(payload: Any, *, route: str, options: Options) -> ChatResult:
    return openai_answer.decode(payload, route=route)


def stream_decoder(*, route: str, options: Options) -> StreamDecoder:
    return openai_answer.OpenAIStreamDecoder(route)


def encode_embeddings(request: EmbeddingRequest, *, model: str, options: Options) -> dict[str, Any]:
    body = {"model": model, "input": list(request.texts), "encoding_format": "float"}
    return body if request.dimensions is None else {**body, "dimensions": request.dimensions}


def decode_embeddings(payload: Any, *, request: EmbeddingRequest, options: Options) -> EmbeddingResult:
    return openai_answer.decode_embeddings(payload, request)


def decode_error(payload: Any, *, options: Options) -> WireError | None:
    return error_in(payload)


def decode_models(payload: Any, *, options: Options) -> tuple[str, ...]:
    return model_names(payload, models_key="data", name_key="id")


def check_path(options: Options) -> str | None:
    return None


def models_path(options: Options) -> str | None:
    return None


def _needs_chat(request: ChatRequest) -> bool:
    wanted = request.response_format
    return bool(request.tools) or (wanted is not None and wanted.kind != "text")


def _streaming(stream: bool) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if stream else {}


def _sampling(sampling: Sampling, max_tokens_field: str) -> dict[str, Any]:
    named = renamed(sampling, {**_SAMPLING, "max_tokens": max_tokens_field})
    if "repeat_penalty" in named:
        # llama.cpp's name; vLLM and OpenRouter have another. Each reads over the one it does not know.
        named["repetition_penalty"] = named["repeat_penalty"]
    return named


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": text_only(message)}
    if message.tool_calls:
        calls = [_tool_call(call) for call in message.tool_calls]
        return {"role": message.role, "content": text_only(message) or None, "tool_calls": calls}
    return {"role": message.role, "content": _content(message)}


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Text as a plain string, which every server takes; a list of parts only where there are images."""
    if message.role == "user" and message.has_images:
        return [_part(part) for part in message.parts]
    return text_only(message)


def _part(part: ContentPart) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}
    return {"type": "text", "text": part.text}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _extras(request: ChatRequest) -> Iterator[tuple[str, Any]]:
    if request.tools:
        yield "tools", [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        yield "tool_choice", _tool_choice(request.tool_choice)
    if request.response_format is not None and request.response_format.kind != "text":
        yield "response_format", _response_format(request.response_format)
    if request.top_logprobs is not None:
        yield "logprobs", True
        yield "top_logprobs", max(request.top_logprobs, _LEAST_TOP)


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _response_format(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    schema = {"name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}
    return {"type": "json_schema", "json_schema": schema}
