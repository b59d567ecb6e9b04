"""A completion that repeats its prompt: places in its text are counted from the prompt's beginning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.frontdoor.dialect import Stamp
from api.openai.completions import COMPLETIONS
from llmbackends.types import ChatChunk, ChatResult, FinishReason, LikelyToken, TokenLogprob, TokenUsage

STAMP = Stamp("0123456789abcdef0123456789abcdef", 1_800_000_000, "default")
TOKENS = tuple(TokenLogprob(LikelyToken(token, -0.5)) for token in (" comes", " in"))
USAGE = TokenUsage(2, 2)
PROMPTS = ["The tide", "It"]


def body(*, echo: bool) -> bytes:
    return json.dumps({"model": "default", "prompt": PROMPTS, "logprobs": 0, "echo": echo}).encode()


def of_answer(*, echo: bool) -> list[tuple[str, list[int]]]:
    ask = COMPLETIONS.read(body(echo=echo))
    result = ChatResult(" comes in", FinishReason.STOP, logprobs=TOKENS)
    choices = json.loads(COMPLETIONS.answer(ask, [result, result], USAGE, STAMP))["choices"]
    return [(choice["text"], choice["logprobs"]["text_offset"]) for choice in choices]


def of_stream(*, echo: bool) -> list[tuple[str, list[int]]]:
    writer = COMPLETIONS.stream(COMPLETIONS.read(body(echo=echo)), STAMP)
    events = writer.opening()
    for token in TOKENS:
        for choice in range(len(PROMPTS)):
            events += writer.chunk(choice, ChatChunk(text=token.chosen.token, logprobs=(token,)))
    entries = [json.loads(event.removeprefix("data: ")) for event in events.decode().split("\n\n") if event]
    told: list[tuple[str, list[int]]] = [("", []) for _ in PROMPTS]
    for entry in (entry["choices"][0] for entry in entries):
        text, offsets = told[entry["index"]]
        logprobs: dict[str, Any] = entry["logprobs"] or {}
        told[entry["index"]] = (text + entry["text"], offsets + logprobs.get("text_offset", []))
    return told


@pytest.mark.parametrize("read", [of_answer, of_stream])
def test_offsets_begin_after_a_prompt_that_is_repeated(read: Any) -> None:
    assert read(echo=True) == [("The tide comes in", [8, 14]), ("It comes in", [2, 8])]


@pytest.mark.parametrize("read", [of_answer, of_stream])
def test_offsets_begin_at_zero_without_the_prompt(read: Any) -> None:
    assert read(echo=False) == [(" comes in", [0, 6])] * 2
