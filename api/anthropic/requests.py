"""The body of POST /v1/messages as a request to a model."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.json import Decoder

from llmbackends.types import ChatRequest, Message, ResponseFormat, Sampling, Tool, ToolChoice

from ..errors import ApiError
from ..frontdoor.bodies import decode
from ..frontdoor.dialect import Ask
from ..openai.schema import named_tool, stops_of, tool_of
from . import schema
from .content import messages_of

_decoder = Decoder(schema.MessagesBody)


def read(body: bytes) -> Ask:
    """Raises ApiError."""
    asked = decode(_decoder, body)
    messages = messages_of(asked.messages)
    if not messages:
        raise ApiError("invalid_request", "There is nothing in the messages to answer.", param="messages")
    tools = _tools(asked.tools or ())
    request = ChatRequest(
        messages=(*_system(asked.system), *messages),
        tools=tools,
        tool_choice=_tool_choice(asked.tool_choice, tools),
        response_format=_response_format(asked.output_config),
        sampling=_sampling(asked),
    )
    return Ask(asked.model, (request,), bool(asked.stream))


def _system(system: str | list[schema.SystemBlock] | None) -> tuple[Message, ...]:
    """One message: of several, a model's template may take only the first."""
    if not isinstance(system, str):
        system = "\n\n".join(block.text for block in system or () if block.text)
    return (Message("system", system),) if system else ()


def _tools(offered: Sequence[schema.OfferedTool]) -> tuple[Tool, ...]:
    return tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(offered))


def _tool(tool: schema.OfferedTool, param: str) -> Tool:
    if tool.type not in (None, "custom"):
        raise ApiError(
            "invalid_request",
            f"Tools of the type {tool.type[:64]} cannot be used here. "
            "Describe your own with name, description and input_schema.",
            param=f"{param}.type",
        )
    if tool.name is None:
        raise _missing(f"{param}.name")
    if tool.input_schema is None:
        raise _missing(f"{param}.input_schema")
    return tool_of(tool.name, tool.description, tool.input_schema, tool.strict)


def _missing(path: str) -> ApiError:
    return ApiError("invalid_request", f"The field {path} is missing.", param=path)


def _tool_choice(choice: schema.Choice | None, tools: Sequence[Tool]) -> ToolChoice | None:
    if tools:
        return _choice_among(choice, tools)
    if isinstance(choice, schema.AnyChoice | schema.NamedChoice):
        raise ApiError("invalid_request", "A tool_choice needs tools to choose from.", param="tool_choice")
    return None


def _choice_among(choice: schema.Choice | None, tools: Sequence[Tool]) -> ToolChoice | None:
    match choice:
        case None:
            return None
        case schema.NamedChoice(name=name):
            return named_tool(name, tools)
        case schema.AnyChoice():
            return ToolChoice("required")
        case schema.NoChoice():
            return ToolChoice("none")
    return ToolChoice("auto")


def _response_format(config: schema.OutputConfig | None) -> ResponseFormat | None:
    if config is None or config.format is None:
        return None
    return ResponseFormat("json_schema", schema=config.format.schema)


def _sampling(asked: schema.MessagesBody) -> Sampling:
    """`top_k` 0 sets no limit, as None does."""
    return Sampling(
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k or None,
        max_tokens=asked.max_tokens,
        stop=stops_of(asked.stop_sequences),
    )
