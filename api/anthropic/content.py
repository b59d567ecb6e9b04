"""Turns of content blocks as messages.

One turn of a user may answer several tool calls and say something besides: each answer becomes a message of
its own, in the order of the blocks. Thinking that a client sends back is skipped: it was for another model.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

import msgspec

from llmbackends.types import ContentPart, ImagePart, Message, TextPart, ToolCall

from ..errors import ApiError
from . import schema

_SKIPPED = (schema.ThinkingBlock, schema.RedactedThinkingBlock)


def messages_of(turns: Sequence[schema.Turn]) -> tuple[Message, ...]:
    """Raises ApiError. A turn of the assistant of which nothing is left is left out."""
    return tuple(message for index, turn in enumerate(turns) for message in _messages(turn, index))


def _messages(turn: schema.Turn, index: int) -> Iterator[Message]:
    if isinstance(turn.content, str):
        yield Message(turn.role, turn.content)
        return
    param = f"messages[{index}].content"
    blocks = [
        (block, f"{param}[{number}]")
        for number, block in enumerate(turn.content)
        if not isinstance(block, _SKIPPED)
    ]
    if turn.role == "assistant":
        yield from _said(blocks)
        return
    if not blocks:
        raise ApiError("invalid_request", "The message has no content.", param=param)
    yield from _told(blocks) if turn.role == "user" else _instructed(blocks)


def _said(blocks: Sequence[tuple[schema.Block, str]]) -> Iterator[Message]:
    """What the assistant said. Its texts stand before its tool calls: our message has no order of the two."""
    texts: list[ContentPart] = []
    calls = []
    for block, param in blocks:
        if isinstance(block, schema.TextBlock):
            texts.append(TextPart(block.text))
        elif isinstance(block, schema.ToolUseBlock):
            calls.append(ToolCall(block.id, block.name, msgspec.json.encode(block.input).decode()))
        else:
            raise _misplaced(block, "assistant", param)
    if texts or calls:
        yield Message("assistant", _content(texts), tuple(calls))


def _told(blocks: Sequence[tuple[schema.Block, str]]) -> Iterator[Message]:
    parts: list[ContentPart] = []
    for block, param in blocks:
        if isinstance(block, schema.ToolResultBlock):
            if parts:
                yield Message("user", _content(parts))
                parts = []
            yield Message("tool", _result(block, param), tool_call_id=block.tool_use_id)
        elif isinstance(block, schema.TextBlock | schema.ImageBlock | schema.DocumentBlock):
            parts.append(_part(block, param))
        else:
            raise _misplaced(block, "user", param)
    if parts:
        yield Message("user", _content(parts))


def _instructed(blocks: Sequence[tuple[schema.Block, str]]) -> Iterator[Message]:
    texts = []
    for block, param in blocks:
        if not isinstance(block, schema.TextBlock):
            raise _misplaced(block, "system", param)
        texts.append(block.text)
    yield Message("system", "\n\n".join(texts))


def _result(result: schema.ToolResultBlock, param: str) -> str | tuple[ContentPart, ...]:
    """A result that is an error stays as it was written: the model reads what went wrong."""
    if result.content is None or isinstance(result.content, str):
        return result.content or ""
    return _content([_part(block, f"{param}.content[{index}]") for index, block in enumerate(result.content)])


def _content(parts: Sequence[ContentPart]) -> str | tuple[ContentPart, ...]:
    """A single text as it is, as most clients wrap each of theirs into a block."""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return tuple(parts)


def _part(block: schema.TextBlock | schema.ImageBlock | schema.DocumentBlock, param: str) -> ContentPart:
    if isinstance(block, schema.TextBlock):
        return TextPart(block.text)
    if isinstance(block, schema.ImageBlock):
        return _image(block.source, f"{param}.source")
    raise ApiError(
        "invalid_request", "Documents cannot be read here. Send their text in a text block.", param=param
    )


def _image(source: schema.Base64Source | schema.UrlSource | schema.FileSource, param: str) -> ImagePart:
    if not isinstance(source, schema.Base64Source):
        raise ApiError(
            "invalid_request",
            "Give an image in the request itself, with a source of the type base64. Nothing is fetched.",
            param=param,
        )
    try:
        is_readable = bool(base64.b64decode(source.data, validate=True))
    except (binascii.Error, ValueError):
        is_readable = False
    if not is_readable:
        raise ApiError("invalid_request", "The data of the image is not base64.", param=f"{param}.data")
    return ImagePart(data=source.data, media_type=source.media_type)


def _misplaced(block: schema.Block, role: str, param: str) -> ApiError:
    kind = block.__struct_config__.tag
    return ApiError(
        "invalid_request",
        f"A message of the role {role} cannot hold a block of the type {kind}.",
        param=param,
    )
