"""Whatever the order of the pieces: well-formed blocks, and nothing lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmbackends.types import ChatChunk
from tests.api.anthropic.writing import call, end, events_in, stream_of, text

ARGUMENTS = ('{"a":{"b":[1,2]},"c":"}"}', "", "{}", '{"cut', "[1,2]", "oops")
TOLD = ('{"a":{"b":[1,2]},"c":"}"}', "", "{}", '{"cut', '{"invalid_json":"[1,2]"}', '{"invalid_json":"oops"}')


def _pieces(index: int) -> list[ChatChunk]:
    """The call's name, then its arguments character by character."""
    return [call(index, str(index)), *(call(index, arguments=piece) for piece in ARGUMENTS[index])]


@st.composite
def _streams(draw: st.DrawFn) -> list[ChatChunk]:
    """Each call's pieces in their order, with those of others and text between them."""
    sources = [_pieces(index) for index in range(len(ARGUMENTS))]
    sources.append([text(letter) for letter in "Hello"])
    turns = [number for number, source in enumerate(sources) for _ in source]
    return [sources[number].pop(0) for number in draw(st.permutations(turns))]


def _block(events: Sequence[dict[str, Any]]) -> tuple[str, str]:
    start, *deltas, stop = events
    assert (start["type"], stop["type"]) == ("content_block_start", "content_block_stop")
    pieces = [delta["delta"].get("text") or delta["delta"]["partial_json"] for delta in deltas]
    return start["content_block"].get("name", "text"), "".join(pieces)


@settings(max_examples=200, deadline=None)
@given(_streams())
def test_stream_in_any_order_loses_nothing(chunks: list[ChatChunk]) -> None:
    events = events_in(stream_of(*chunks, end()))[1:-2]

    grouped = [(index, list(group)) for index, group in groupby(events, key=lambda event: event["index"])]
    assert [index for index, _ in grouped] == list(range(len(grouped)))
    blocks = [_block(group) for _, group in grouped]
    assert "".join(piece for name, piece in blocks if name == "text") == "Hello"
    assert sorted(block for block in blocks if block[0] != "text") == [
        (str(index), told) for index, told in enumerate(TOLD)
    ]
