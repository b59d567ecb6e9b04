"""Anthropic's Messages language. Source: https://docs.anthropic.com/en/api/messages.

System messages, wherever they stand, become the top-level `system`; what stands in a row for one role
becomes one turn. It has no bare prompt, no seed, no penalties and no `strict` tools. An answer can be held to
a schema, but not to just any JSON, and older models refuse the former too
(https://platform.claude.com/docs/en/build-with-claude/structured-outputs, read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..types import (
    ChatRequest,
    ChatResult,
    ContentPart,
    ImagePart,
    Message,
    Tool,
    ToolCall,
    ToolChoice,
)
from . import Framing, Options, StreamDecoder, WireCall, WireError, anthropic_answer
from .encoding import arguments_object, refuse_images, renamed, text_only
from .payload import model_names
from .reported import error_in

DEFAULT_MAX_TOKENS = 4096
"""The language requires a limit; this is sent where nobody set one."""

_SAMPLING = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
}
_TOOL_CHOICES = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}


def framing(options: Options) -> Framing | None:
    return "sse"


def check_options(options: Options) -> None:
    pass


def encode(
    request: ChatRequest, *, model: str, stream: bool, prompt_route: bool, options: Options
) -> WireCall:
    body: dict[str, Any] = {"model": model, "max_tokens": DEFAULT_MAX_TOKENS}
    body |= renamed(request.sampling, _SAMPLING)
    if system := "\n\n".join(_system_texts(request.as_messages)):
        body["system"] = system
    body["messages"] = _turns(request.as_messages)
    body |= dict(_tools(request))
    body |= dict(_output(request))
    if stream:
        body["stream"] = True
    return WireCall(body)


def decode(payload: Any, *, route: str, options: Options) -> ChatResult:
    return anthropic_answer.decode(payload)


def stream_decoder(*, route: str, options: Options) -> StreamDecoder:
    return anthropic_answer.AnthropicStreamDecoder()


def decode_error(payload: Any, *, options: Options) -> WireError | None:
    return error_in(payload)


def decode_models(payload: Any, *, options: Options) -> tuple[str, ...]:
    return model_names(payload, models_key="data", name_key="id")


def check_path(options: Options) -> str | None:
    return None


def models_path(options: Options) -> str | None:
    return None


def _system_texts(messages: tuple[Message, ...]) -> Iterator[str]:
    return (text for message in messages if message.role == "system" and (text := text_only(message)))


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"].extend(_blocks(message))
    return turns


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield _tool_result(message)
        return
    if message.role == "assistant":
        refuse_images(message)
    yield from _content(message)
    yield from (_tool_use(call) for call in message.tool_calls)


def _content(message: Message) -> Iterator[dict[str, Any]]:
    """Without empty texts, which the service refuses."""
    return (_part(part) for part in message.parts if isinstance(part, ImagePart) or part.text)


def _part(part: ContentPart) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        source = {"type": "base64", "media_type": part.media_type, "data": part.data}
        return {"type": "image", "source": source}
    return {"type": "text", "text": part.text}


def _tool_result(message: Message) -> dict[str, Any]:
    content = list(_content(message))
    result = {"type": "tool_result", "tool_use_id": _call_id(message.tool_call_id or "")}
    return {**result, "content": content} if content else result


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": _call_id(call.id),
        "name": call.name,
        "input": arguments_object(call),
    }


def _call_id(call_id: str) -> str:
    """Other services' ids hold characters that this one refuses, and a conversation outlives a switch."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)


def _tools(request: ChatRequest) -> Iterator[tuple[str, Any]]:
    if request.tools:
        yield "tools", [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        yield "tool_choice", _tool_choice(request.tool_choice)


def _output(request: ChatRequest) -> Iterator[tuple[str, Any]]:
    wanted = request.response_format
    if wanted is not None and wanted.kind == "json_schema":
        yield "output_config", {"format": {"type": "json_schema", "schema": wanted.schema}}


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "input_schema": tool.parameters}


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    named = {"name": choice.name} if choice.mode == "named" else {}
    return {"type": _TOOL_CHOICES[choice.mode], **named}
