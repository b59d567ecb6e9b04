from __future__ import annotations

import pytest

from llmbackends.types import (
    ChatRequest,
    EmbeddingRequest,
    ImagePart,
    Message,
    TextPart,
    TokenUsage,
    Tool,
    ToolCall,
)
from usage.estimates import IMAGE_TOKENS, estimate, estimated_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("네글자다", 1)])
def test_token_is_four_characters_rounded_up(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens


def test_estimate_counts_all_requests_and_what_was_answered() -> None:
    requests = [ChatRequest(prompt="12345678"), ChatRequest(messages=(Message("user", "1234"),) * 2)]

    assert estimate(requests, answered_characters=9) == TokenUsage(4, 3)


def test_estimate_counts_images_and_tool_calls_of_messages() -> None:
    image = ImagePart(data="A" * 10_000, media_type="image/png")
    messages = (
        Message("user", (TextPart("1234"), image, image)),
        Message("assistant", tool_calls=(ToolCall("id", name="look", arguments='{"a":1}'),)),
    )

    used = estimate([ChatRequest(messages=messages)], answered_characters=0)

    assert used == TokenUsage(4 + 2 * IMAGE_TOKENS, 0)


def test_estimate_counts_tool_definitions() -> None:
    tool = Tool("look", description="up", parameters={"type": "object"})

    bare = estimate([ChatRequest(prompt="1234")], answered_characters=0)
    used = estimate([ChatRequest(prompt="1234", tools=(tool,))], answered_characters=0)

    assert used.prompt_tokens - bare.prompt_tokens == (4 + 2 + len('{"type": "object"}')) / 4


def test_estimate_counts_each_embedded_text_for_itself() -> None:
    assert estimate([EmbeddingRequest(("a", "b", "12345"))], answered_characters=0) == TokenUsage(4, 0)
