"""Bodies for the tests, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.anthropic.messages import MESSAGES
from api.errors import ApiError
from generation.failures import PublicError
from llmbackends.types import ChatRequest, Message

HELLO = {"role": "user", "content": "Hello"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
WEATHER = {"name": "weather", "description": "Tells it.", "input_schema": {"type": "object"}}


def body(**fields: Any) -> bytes:
    """A body that is valid, with `fields` changed; None leaves one out."""
    whole = {"model": "default", "max_tokens": 50, "messages": [HELLO], **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def request_of(**fields: Any) -> ChatRequest:
    (request,) = MESSAGES.read(body(**fields)).requests
    return request


def messages_of(*turns: dict[str, Any]) -> tuple[Message, ...]:
    return request_of(messages=list(turns)).messages


def refusal_of(**fields: Any) -> PublicError:
    with pytest.raises(ApiError) as caught:
        MESSAGES.read(body(**fields))
    return caught.value.public
