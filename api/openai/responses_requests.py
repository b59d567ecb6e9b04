"""The body of POST /v1/responses as a request to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder

from llmbackends.types import ChatRequest, Message, ResponseFormat, Sampling, Tool, ToolChoice

from ..errors import ApiError
from ..frontdoor.bodies import decode
from ..frontdoor.dialect import Ask
from . import schema
from .responses_input import InputItem, messages_of

_LOGPROBS = "message.output_text.logprobs"


# Any is read, so that the others can be refused by their names.
ToolType = Annotated[str, Meta(extra_json_schema={"enum": ["function"]})]


class OfferedTool(Struct):
    """A function, which has a name."""

    type: ToolType
    name: schema.Name | None = None
    description: str | None = None
    parameters: schema.JsonSchema | None = None
    strict: bool | None = None


class ChosenTool(Struct, omit_defaults=True):
    """The function that has to be called."""

    type: ToolType
    name: schema.Name | None = None


class JsonFormat(Struct, tag_field="type", tag="json_schema"):
    name: schema.Name
    schema: schema.JsonSchema
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct):
    format: schema.AnyText | schema.AnyJson | JsonFormat | None = None


# As ToolType.
NotHere = Annotated[Any, Meta(extra_json_schema={"enum": [None, False]})]


class ResponsesBody(Struct):
    model: schema.Name
    input: str | Annotated[list[InputItem], Meta(min_length=1, max_length=schema.MAX_MESSAGES)]
    instructions: str | None = None
    stream: bool | None = None
    tools: Annotated[list[OfferedTool], Meta(max_length=schema.MAX_TOOLS)] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = None
    text: TextConfig | None = None
    include: list[str] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    temperature: schema.Number0To2 | None = None
    top_p: schema.Number0To1 | None = None
    max_output_tokens: schema.Positive | None = None
    metadata: dict[str, str] | None = None
    background: NotHere = None
    previous_response_id: NotHere = None
    conversation: NotHere = None
    prompt: NotHere = None


_decoder = Decoder(ResponsesBody)
_WHOLE = "The service keeps no state between requests: send the whole conversation in input."
_OF_A_STATE = (
    ("previous_response_id", _WHOLE),
    ("conversation", _WHOLE),
    ("prompt", "The service keeps no prompts: send the text in instructions and input."),
    ("background", "The service keeps no answers: send the request without background, and wait or stream."),
)


def read(body: bytes) -> Ask:
    """Raises ApiError. `details` is the body, much of which an answer repeats."""
    asked = decode(_decoder, body)
    _refuse_state(asked)
    tools = tuple([_tool(tool, f"tools[{index}]") for index, tool in enumerate(asked.tools or ())])
    request = ChatRequest(
        messages=_messages(asked),
        tools=tools,
        tool_choice=_tool_choice(asked.tool_choice, tools),
        response_format=_response_format(asked.text),
        top_logprobs=(asked.top_logprobs or 0) if _LOGPROBS in (asked.include or ()) else None,
        sampling=Sampling(
            temperature=asked.temperature, top_p=asked.top_p, max_tokens=asked.max_output_tokens
        ),
    )
    return Ask(asked.model, (request,), bool(asked.stream), details=asked)


def _refuse_state(asked: ResponsesBody) -> None:
    for name, message in _OF_A_STATE:
        value = getattr(asked, name)
        if value is not None and value is not False:
            raise ApiError("invalid_request", message, param=name)


def _messages(asked: ResponsesBody) -> tuple[Message, ...]:
    said = (Message("user", asked.input),) if isinstance(asked.input, str) else messages_of(asked.input)
    if not said:
        raise ApiError("invalid_request", "The input has nothing that could be answered.", param="input")
    return (Message("system", asked.instructions), *said) if asked.instructions else said


def _tool(tool: OfferedTool, at: str) -> Tool:
    _require_function(tool.type, f"{at}.type")
    if tool.name is None:
        raise ApiError("invalid_request", "A function has a name.", param=f"{at}.name")
    return schema.tool_of(tool.name, tool.description, tool.parameters, tool.strict)


def _tool_choice(
    choice: Literal["auto", "none", "required"] | ChosenTool | None, tools: Sequence[Tool]
) -> ToolChoice | None:
    if not isinstance(choice, ChosenTool):
        return schema.tool_choice_of(choice, tools)
    _require_function(choice.type, "tool_choice.type")
    return schema.named_tool(choice.name or "", tools)


def _require_function(kind: str, param: str) -> None:
    if kind != "function":
        raise ApiError(
            "invalid_request",
            f'Tools of the type "{kind[:50]}" are not available here. Use tools of the type "function".',
            param=param,
        )


def _response_format(text: TextConfig | None) -> ResponseFormat | None:
    match text and text.format:
        case schema.AnyJson():
            return ResponseFormat("json_object")
        case JsonFormat() as wanted:
            return ResponseFormat(
                "json_schema", name=wanted.name, schema=wanted.schema, strict=bool(wanted.strict)
            )
    return None
