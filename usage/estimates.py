"""Token counts for where the backend gives none.

A token is taken for four characters, rounded up: the usual measure for English text. Code and other languages
have more tokens than that, so an estimate is marked as one wherever it is stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from llmbackends.types import ChatRequest, EmbeddingRequest, Message, TextPart, TokenUsage, Tool

CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = 256
"""Of one image, whatever its size: services count from 85 to about 1,600, open models often 256."""


def estimated_tokens(text: str) -> int:
    return _tokens(len(text))


def estimate(requests: Sequence[ChatRequest | EmbeddingRequest], *, answered_characters: int) -> TokenUsage:
    """Of all requests together. `answered_characters`: how long their answers are, tool calls included."""
    return TokenUsage(sum(_prompt_tokens(request) for request in requests), _tokens(answered_characters))


def _prompt_tokens(request: ChatRequest | EmbeddingRequest) -> int:
    if isinstance(request, EmbeddingRequest):
        return sum(estimated_tokens(text) for text in request.texts)
    messages = request.as_messages
    characters = sum(_characters(message) for message in messages) + sum(map(_size, request.tools))
    images = sum(_images(message) for message in messages)
    return _tokens(characters) + images * IMAGE_TOKENS


def _characters(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return len(message.text) + calls


def _images(message: Message) -> int:
    if not message.has_images:
        return 0
    return sum(not isinstance(part, TextPart) for part in message.parts)


def _size(tool: Tool) -> int:
    return len(tool.name) + len(tool.description) + len(json.dumps(tool.parameters))


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
