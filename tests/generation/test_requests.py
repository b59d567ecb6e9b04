from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.requests import GenerationRequest, given_of, storable
from generators.asking import Given
from llmbackends.types import ImagePart, Message, TextPart


def test_prompt_is_short_for_an_input() -> None:
    assert given_of({"prompt": "Hello"}) == Given(input={"prompt": "Hello"})
    assert given_of({"input": {"table": "a"}}) == Given(input={"table": "a"})


def test_given_messages_keep_roles_texts_and_images() -> None:
    chat_json = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "media_type": "image/png", "data": "aGk="},
                ],
            },
            {"role": "assistant", "content": "A cat."},
        ]
    }

    assert given_of(chat_json).messages == (
        Message("system", "Be brief."),
        Message("user", (TextPart("What is this?"), ImagePart(data="aGk=", media_type="image/png"))),
        Message("assistant", "A cat."),
    )


def test_digest_is_as_it_was_before_there_were_inputs() -> None:
    """So that an Idempotency-Key of then is still recognised."""
    assert GenerationRequest(prompt="x").digest == (
        "5975bb9478cc39bc8150d3695b308b01984e4fd0acc40b462c598a227606fda3"
    )
    assert GenerationRequest(input={"prompt": "x"}).digest != GenerationRequest(prompt="x").digest


def test_digest_ignores_the_order_of_names() -> None:
    one = GenerationRequest(prompt="x", metadata={"a": 1, "b": {"c": 2, "d": 3}})
    other = GenerationRequest(prompt="x", metadata={"b": {"d": 3, "c": 2}, "a": 1})

    assert one.digest == other.digest


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain ä 😀", "plain ä 😀"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
    ],
)
def test_storable_replaces_only_what_no_database_stores(text: str, stored: str) -> None:
    assert storable(text) == stored


@given(st.text(st.characters(exclude_categories=())))
def test_storable_text_is_valid_utf8_without_nul(text: str) -> None:
    stored = storable(text)

    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    assert storable(stored) == stored
