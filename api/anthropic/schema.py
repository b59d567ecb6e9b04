"""What requests in Anthropic's language are made of. Fields that are not named here are skipped.

Source: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from ..openai.schema import MAX_MESSAGES, MAX_PARTS, MAX_TOOLS, Name, Number0To1, Positive


class TextBlock(Struct, tag_field="type", tag="text"):
    text: str


class Base64Source(Struct, tag_field="type", tag="base64"):
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: str


class UrlSource(Struct, tag_field="type", tag="url"):
    pass


class FileSource(Struct, tag_field="type", tag="file"):
    pass


class ImageBlock(Struct, tag_field="type", tag="image"):
    source: Base64Source | UrlSource | FileSource


class DocumentBlock(Struct, tag_field="type", tag="document"):
    pass


class ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    pass


class RedactedThinkingBlock(Struct, tag_field="type", tag="redacted_thinking"):
    pass


class ToolUseBlock(Struct, tag_field="type", tag="tool_use"):
    """`input` is taken over as the client wrote it, its numbers digit for digit."""

    id: Name
    name: Name
    input: dict[str, Raw]


class ToolResultBlock(Struct, tag_field="type", tag="tool_result"):
    tool_use_id: Name
    content: (
        str | Annotated[list[TextBlock | ImageBlock | DocumentBlock], Meta(max_length=MAX_PARTS)] | None
    ) = None


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[Block], Meta(max_length=MAX_PARTS)]


class OfferedTool(Struct):
    """`name` and `input_schema` are required, once `type` is known to be "custom" or absent."""

    type: str | None = None
    name: Name | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class AutoChoice(Struct, tag_field="type", tag="auto"):
    pass


class AnyChoice(Struct, tag_field="type", tag="any"):
    pass


class NoChoice(Struct, tag_field="type", tag="none"):
    pass


class NamedChoice(Struct, tag_field="type", tag="tool"):
    name: Name


Choice = AutoChoice | AnyChoice | NoChoice | NamedChoice


class SystemBlock(Struct):
    """With a plain field: a tag that could be no other would be read as one that may be left out."""

    type: Literal["text"]
    text: str


class JsonFormat(Struct):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct):
    format: JsonFormat | None = None


class MessagesBody(Struct):
    model: Name
    max_tokens: Positive
    messages: Annotated[list[Turn], Meta(min_length=1, max_length=MAX_MESSAGES)]
    system: str | Annotated[list[SystemBlock], Meta(max_length=MAX_PARTS)] | None = None
    stream: bool | None = None
    tools: Annotated[list[OfferedTool], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: Choice | None = None
    output_config: OutputConfig | None = None
    temperature: Number0To1 | None = None
    top_p: Number0To1 | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: list[str] | None = None
