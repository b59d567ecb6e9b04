"""The body of POST /v1/chat/completions as requests to a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder

from llmbackends.types import ChatRequest, Message, Sampling, ToolCall

from ..errors import ApiError
from ..frontdoor.bodies import decode
from ..frontdoor.dialect import Ask
from . import schema


class CalledFunction(Struct):
    name: str
    arguments: str = "{}"


class MadeToolCall(Struct):
    id: str
    function: CalledFunction


class ChatMessage(Struct):
    """`developer` is what newer clients call `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: schema.Content | None = None
    refusal: str | None = None
    tool_calls: list[MadeToolCall] | None = None
    tool_call_id: str | None = None


class ChatBody(Struct):
    model: schema.Name
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=schema.MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: schema.StreamOptions | None = None
    n: schema.Choices | None = None
    tools: Annotated[list[schema.FunctionTool], Meta(max_length=schema.MAX_TOOLS)] | None = None
    tool_choice: Literal["auto", "none", "required"] | schema.NamedTool | None = None
    response_format: schema.Format | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    temperature: schema.Number0To2 | None = None
    top_p: schema.Number0To1 | None = None
    presence_penalty: schema.Penalty | None = None
    frequency_penalty: schema.Penalty | None = None
    seed: int | None = None
    max_tokens: schema.Positive | None = None
    max_completion_tokens: schema.Positive | None = None
    stop: str | list[str] | None = None
    modalities: list[Literal["text"]] | None = None
    audio: schema.NotHere = None
    functions: schema.NotHere = None
    function_call: schema.NotHere = None


_decoder = Decoder(ChatBody)
_NO_SAMPLING = Sampling()
_REFUSED = (
    ("functions", "Functions are given in tools here. Use tools."),
    ("function_call", "Functions are chosen by tool_choice here. Use tools and tool_choice."),
    ("audio", "Audio is not available here: answers are texts."),
)


def read(body: bytes) -> Ask:
    """Raises ApiError."""
    asked = decode(_decoder, body)
    _refuse_what_is_not_here(asked)
    _require_consistent(asked)
    tools = schema.tools_of(asked.tools)
    request = ChatRequest(
        messages=tuple([_message(message, index) for index, message in enumerate(asked.messages)]),
        tools=tools,
        tool_choice=schema.tool_choice_of(asked.tool_choice, tools),
        response_format=schema.response_format_of(asked.response_format),
        top_logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        sampling=_sampling(asked),
    )
    return Ask(
        model=asked.model,
        requests=several(request, asked.n or 1),
        stream=bool(asked.stream),
        details=bool(asked.stream_options and asked.stream_options.include_usage),
    )


def several(request: ChatRequest, count: int) -> tuple[ChatRequest, ...]:
    """The same request `count` times, each with a seed of its own where one is given: else all are equal."""
    if count == 1:
        return (request,)
    return tuple(_reseeded(request, number) for number in range(count))


def _reseeded(request: ChatRequest, number: int) -> ChatRequest:
    seed = request.sampling.seed
    if seed is None or number == 0:
        return request
    return replace(request, sampling=replace(request.sampling, seed=seed + number))


def _refuse_what_is_not_here(asked: ChatBody) -> None:
    for name, message in _REFUSED:
        if getattr(asked, name) is not None:
            raise ApiError("invalid_request", message, param=name)


def _require_consistent(asked: ChatBody) -> None:
    if asked.top_logprobs is not None and not asked.logprobs:
        raise ApiError("invalid_request", "top_logprobs needs logprobs: true.", param="top_logprobs")
    if asked.stream_options is not None and not asked.stream:
        raise ApiError("invalid_request", "stream_options needs stream: true.", param="stream_options")


def _message(message: ChatMessage, index: int) -> Message:
    role = "system" if message.role == "developer" else message.role
    content = message.content
    if content.__class__ is str and role in ("user", "system"):
        return Message(role, content)
    return _rare_message(message, role, f"messages[{index}]")


def _rare_message(
    message: ChatMessage, role: Literal["system", "user", "assistant", "tool"], param: str
) -> Message:
    calls = tuple(_tool_calls(message)) if role == "assistant" else ()
    if role == "tool" and not message.tool_call_id:
        raise ApiError(
            "invalid_request",
            "A message with the role tool names the call that it answers.",
            param=f"{param}.tool_call_id",
        )
    content = message.content
    if content is None:
        if role != "assistant":
            raise ApiError("invalid_request", "The message has no content.", param=f"{param}.content")
        content = message.refusal or ""
    if not isinstance(content, str):
        parts = schema.content_parts(content, param=f"{param}.content")
        return Message(role, parts, calls, message.tool_call_id)
    return Message(role, content, calls, message.tool_call_id)


def _tool_calls(message: ChatMessage) -> Iterator[ToolCall]:
    for call in message.tool_calls or ():
        yield ToolCall(call.id, call.function.name, call.function.arguments)


def _sampling(asked: ChatBody) -> Sampling:
    given = {
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "seed": asked.seed,
        "max_tokens": asked.max_completion_tokens or asked.max_tokens,
        "stop": schema.stops_of(asked.stop),
    }
    if all(value is None for value in given.values()):
        return _NO_SAMPLING
    return Sampling(**given)  # type: ignore[arg-type]
