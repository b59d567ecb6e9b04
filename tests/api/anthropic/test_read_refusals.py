"""Each says what to do, and its `param` names the field."""

from __future__ import annotations

from typing import Any

import pytest

from api.anthropic.messages import MESSAGES
from api.errors import ApiError
from tests.api.anthropic.reading import HELLO, IMAGE, WEATHER, refusal_of

CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny"}
TEXT = {"type": "text", "text": "Hello"}
TIFF = {"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": "eA=="}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}


def _user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def _assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [HELLO, {"role": "assistant", "content": list(blocks)}]}


def _image(**source: str) -> dict[str, Any]:
    return {"type": "image", "source": source}


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_refusal_of_missing_field(field: str) -> None:
    error = refusal_of(**{field: None})

    assert (error.code, error.message, error.param) == (
        "invalid_request",
        f"The field {field} is missing.",
        field,
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "50"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [HELLO] * 2001}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (_user({"type": "search_result"}), "messages[0].content[0].type"),
        (_user({"type": "text"}), "messages[0].content[0].text"),
        (_assistant({**CALL, "input": "{}"}), "messages[1].content[0].input"),
        (_user(TIFF), "messages[0].content[0].source.media_type"),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"temperature": 1.5}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)  # fmt: skip
def test_refusal_names_wrong_field(fields: dict[str, Any], param: str) -> None:
    error = refusal_of(**fields)

    assert (error.code, error.param) == ("invalid_request", param)
    assert param in error.message


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        (
            _user(TEXT, _image(type="url", url="https://example.com/a.png")),
            "Give an image in the request itself, with a source of the type base64. Nothing is fetched.",
            "messages[0].content[1].source",
        ),
        (
            _user(_image(type="file", file_id="file_1")),
            "Give an image in the request itself, with a source of the type base64. Nothing is fetched.",
            "messages[0].content[0].source",
        ),
        (
            _user(_image(type="base64", media_type="image/png", data="eA= =")),
            "The data of the image is not base64.",
            "messages[0].content[0].source.data",
        ),
        (
            _user(_image(type="base64", media_type="image/png", data="é")),
            "The data of the image is not base64.",
            "messages[0].content[0].source.data",
        ),
        (
            _user(DOCUMENT),
            "Documents cannot be read here. Send their text in a text block.",
            "messages[0].content[0]",
        ),
        (
            _user({**RESULT, "content": [TEXT, DOCUMENT]}),
            "Documents cannot be read here. Send their text in a text block.",
            "messages[0].content[0].content[1]",
        ),
        (
            _user(CALL),
            "A message of the role user cannot hold a block of the type tool_use.",
            "messages[0].content[0]",
        ),
        (
            _assistant(RESULT),
            "A message of the role assistant cannot hold a block of the type tool_result.",
            "messages[1].content[0]",
        ),
        (
            _assistant(TEXT, IMAGE),
            "A message of the role assistant cannot hold a block of the type image.",
            "messages[1].content[1]",
        ),
        (
            {"messages": [HELLO, {"role": "system", "content": [IMAGE]}]},
            "A message of the role system cannot hold a block of the type image.",
            "messages[1].content[0]",
        ),
        (_user(), "The message has no content.", "messages[0].content"),
        (
            {"messages": [{"role": "assistant", "content": []}]},
            "There is nothing in the messages to answer.",
            "messages",
        ),
        (
            {"tools": [WEATHER, {"type": "web_search_20250305", "name": "web_search"}]},
            "Tools of the type web_search_20250305 cannot be used here. "
            "Describe your own with name, description and input_schema.",
            "tools[1].type",
        ),
        ({"tools": [{"input_schema": {}}]}, "The field tools[0].name is missing.", "tools[0].name"),
        (
            {"tools": [{"name": "weather"}]},
            "The field tools[0].input_schema is missing.",
            "tools[0].input_schema",
        ),
        (
            {"tool_choice": {"type": "any"}},
            "A tool_choice needs tools to choose from.",
            "tool_choice",
        ),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "clock"}},
            "The chosen tool is not among the tools.",
            "tool_choice",
        ),
    ],
)
def test_refusal_says_what_to_do(fields: dict[str, Any], message: str, param: str) -> None:
    error = refusal_of(**fields)

    assert (error.code, error.message, error.param) == ("invalid_request", message, param)


def test_refusal_of_what_is_not_json() -> None:
    with pytest.raises(ApiError, match=r"^The body is not valid JSON"):
        MESSAGES.read(b"{")
