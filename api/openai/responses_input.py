"""The `input` of POST /v1/responses, a list of items, as the messages of a conversation.

An assistant's turn is one message to a model, but several items here: texts, and each call of a function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from llmbackends.types import ContentPart, ImagePart, Message, TextPart, ToolCall

from ..errors import ApiError
from . import schema

# Any is read, so that the others can be refused by their names.
PartType = Annotated[
    str, Meta(extra_json_schema={"enum": ["input_text", "output_text", "text", "refusal", "input_image"]})
]
ItemType = Annotated[
    str, Meta(extra_json_schema={"enum": ["message", "function_call", "function_call_output", "reasoning"]})
]


class InputPart(Struct):
    """A text, a refusal or an image."""

    type: PartType
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None


InputContent = str | Annotated[list[InputPart], Meta(max_length=schema.MAX_PARTS)]


class InputItem(Struct):
    """A message, which need not say its type, a call of a function, what that gave back, or reasoning."""

    type: ItemType | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: InputContent | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: InputContent | None = None


def messages_of(items: Sequence[InputItem]) -> tuple[Message, ...]:
    """Raises ApiError, whose param names the item."""
    conversation = _Conversation()
    for index, item in enumerate(items):
        conversation.add(item, f"input[{index}]")
    return tuple(conversation.messages)


class _Conversation:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._call_ids: set[str] = set()

    def add(self, item: InputItem, at: str) -> None:
        match item.type or "message":
            case "message":
                self._add_message(item, at)
            case "function_call":
                self._add_call(item, at)
            case "function_call_output":
                self._add_output(item, at)
            case "reasoning":
                pass
            case "item_reference":
                raise _refusal("The service keeps no items: send the item itself.", at)
            case other:
                raise _refusal(f'Items of the type "{other[:50]}" are not known here.', f"{at}.type")

    def _add_message(self, item: InputItem, at: str) -> None:
        if item.role is None:
            raise _refusal("The message has no role.", f"{at}.role")
        if item.content is None:
            raise _refusal("The message has no content.", f"{at}.content")
        content = _content(item.content, f"{at}.content", may_have_images=item.role == "user")
        if item.role == "assistant":
            self._add_to_turn(Message("assistant", content))
        else:
            self.messages.append(Message("system" if item.role == "developer" else item.role, content))

    def _add_call(self, item: InputItem, at: str) -> None:
        call_id = _required(item.call_id, f"{at}.call_id")
        call = ToolCall(call_id, _required(item.name, f"{at}.name"), item.arguments or "{}")
        self._call_ids.add(call_id)
        self._add_to_turn(Message("assistant", tool_calls=(call,)))

    def _add_output(self, item: InputItem, at: str) -> None:
        call_id = _required(item.call_id, f"{at}.call_id")
        if call_id not in self._call_ids:
            raise _refusal(
                "There is no function_call with this call_id before it. "
                "The service keeps no state: send the whole conversation in input.",
                f"{at}.call_id",
            )
        if item.output is None:
            raise _refusal("The item has no output.", f"{at}.output")
        content = _content(item.output, f"{at}.output", may_have_images=False)
        self.messages.append(Message("tool", content, tool_call_id=call_id))

    def _add_to_turn(self, more: Message) -> None:
        """Calls made in one turn belong into one message, with its text: models take them in no other way."""
        last = self.messages[-1] if self.messages else None
        if last is None or last.role != "assistant" or not (last.tool_calls or more.tool_calls):
            self.messages.append(more)
            return
        self.messages[-1] = Message("assistant", last.text + more.text, last.tool_calls + more.tool_calls)


def _content(content: InputContent, at: str, *, may_have_images: bool) -> str | tuple[ContentPart, ...]:
    if isinstance(content, str):
        return content
    return tuple(
        [_part(part, f"{at}[{index}]", may_have_images=may_have_images) for index, part in enumerate(content)]
    )


_TEXTS: Final = frozenset({"input_text", "output_text", "text"})


def _part(part: InputPart, at: str, *, may_have_images: bool) -> ContentPart:
    if part.type in _TEXTS:
        return TextPart(_required(part.text, f"{at}.text"))
    if part.type == "refusal":
        return TextPart(_required(part.refusal, f"{at}.refusal"))
    if part.type != "input_image":
        raise _refusal(f'Parts of the type "{part.type[:50]}" are not known here.', f"{at}.type")
    if not may_have_images:
        raise _refusal("Only messages of the user can have images.", f"{at}.type")
    return _image(part, at)


def _image(part: InputPart, at: str) -> ImagePart:
    if part.image_url is None:
        raise _refusal("The service keeps no files: give the image in image_url.", f"{at}.image_url")
    return schema.image_part(part.image_url, param=f"{at}.image_url")


def _required(value: str | None, param: str) -> str:
    if value is None:
        raise _refusal(f"The field {param} is missing.", param)
    return value


def _refusal(message: str, param: str) -> ApiError:
    return ApiError("invalid_request", message, param=param)
