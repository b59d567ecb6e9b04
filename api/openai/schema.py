"""What chat requests in OpenAI's language are made of. Fields that are not named here are skipped.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from llmbackends.types import ContentPart, ImagePart, ResponseFormat, TextPart, Tool, ToolChoice

from ..errors import ApiError

MAX_MESSAGES = 2000
MAX_PARTS = 500
MAX_TOOLS = 128
MAX_CHOICES = 8

Number0To2 = Annotated[float, Meta(ge=0, le=2)]
Number0To1 = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Positive = Annotated[int, Meta(ge=1)]
Choices = Annotated[int, Meta(ge=1, le=MAX_CHOICES)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
NotEmpty = Annotated[str, Meta(min_length=1)]
JsonSchema = dict[str, Any]
NotHere = Annotated[Any, Meta(extra_json_schema={"enum": [None]})]
"""Any is read, so that it can be refused with a sentence of its own."""

_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,(.+)", re.DOTALL)


class Text(Struct, tag_field="type", tag="text"):
    text: str


class Refusal(Struct, tag_field="type", tag="refusal"):
    refusal: str


class ImageUrl(Struct):
    url: str


class Image(Struct, tag_field="type", tag="image_url"):
    image_url: ImageUrl


Part = Text | Refusal | Image
Content = str | Annotated[list[Part], Meta(max_length=MAX_PARTS)]


class Function(Struct):
    name: Name
    description: str | None = None
    parameters: JsonSchema | None = None
    strict: bool | None = None


class FunctionTool(Struct):
    type: Literal["function"]
    function: Function


class NamedFunction(Struct):
    name: Name


class NamedTool(Struct):
    type: Literal["function"]
    function: NamedFunction


class AnyText(Struct, tag_field="type", tag="text"):
    pass


class AnyJson(Struct, tag_field="type", tag="json_object"):
    pass


class SchemaOfJson(Struct):
    name: Name
    schema: JsonSchema | UnsetType = UNSET
    strict: bool | None = None


class JsonOfSchema(Struct, tag_field="type", tag="json_schema"):
    json_schema: SchemaOfJson


Format = AnyText | AnyJson | JsonOfSchema


class StreamOptions(Struct):
    include_usage: bool | None = None


def content_parts(parts: Sequence[Part], *, param: str) -> tuple[ContentPart, ...]:
    """Raises ApiError for an image that would have to be fetched."""
    return tuple(_part(part, f"{param}[{index}]") for index, part in enumerate(parts))


def _part(part: Part, param: str) -> ContentPart:
    if isinstance(part, Image):
        return image_part(part.image_url.url, param=f"{param}.image_url.url")
    return TextPart(part.text if isinstance(part, Text) else part.refusal)


def image_part(url: str, *, param: str) -> ImagePart:
    """The image in a data URL. Raises ApiError: nothing is fetched from anywhere for a client."""
    found = _DATA_URL.fullmatch(url)
    try:
        if found is not None and base64.b64decode(found[2], validate=True):
            return ImagePart(data=found[2], media_type=found[1])
    except ValueError:  # binascii.Error is one; text that is not ASCII raises it plain
        pass
    raise ApiError(
        "invalid_request",
        "Give an image in the request itself, as data:image/png;base64,… (PNG, JPEG, GIF or WebP). "
        "Addresses are not fetched.",
        param=param,
    )


def tools_of(tools: Sequence[FunctionTool] | None) -> tuple[Tool, ...]:
    return tuple(
        tool_of(each.function.name, each.function.description, each.function.parameters, each.function.strict)
        for each in tools or ()
    )


def tool_of(name: str, description: str | None, parameters: JsonSchema | None, strict: bool | None) -> Tool:
    """A function without parameters takes an empty object."""
    return Tool(
        name=name,
        description=description or "",
        parameters=parameters or {"type": "object", "properties": {}},
        strict=bool(strict),
    )


def tool_choice_of(choice: str | NamedTool | None, tools: Sequence[Tool]) -> ToolChoice | None:
    """Raises ApiError if there is no such tool, or none at all."""
    if choice is None:
        return None
    if not tools:
        if choice in ("none", "auto"):
            return None
        raise ApiError("invalid_request", "A tool_choice needs tools to choose from.", param="tool_choice")
    if isinstance(choice, str):
        return ToolChoice(choice)  # type: ignore[arg-type]  # the schema has checked it
    return named_tool(choice.function.name, tools)


def named_tool(name: str, tools: Sequence[Tool]) -> ToolChoice:
    if all(tool.name != name for tool in tools):
        raise ApiError("invalid_request", "The chosen tool is not among the tools.", param="tool_choice")
    return ToolChoice("named", name)


def response_format_of(wanted: Format | None) -> ResponseFormat | None:
    match wanted:
        case AnyJson():
            return ResponseFormat("json_object")
        case JsonOfSchema(json_schema=named):
            schema = {} if named.schema is UNSET else named.schema
            return ResponseFormat("json_schema", name=named.name, schema=schema, strict=bool(named.strict))
    return None


def stops_of(stop: str | list[str] | None) -> tuple[str, ...] | None:
    texts = (stop,) if isinstance(stop, str) else tuple(stop or ())
    return tuple(text for text in texts if text) or None
