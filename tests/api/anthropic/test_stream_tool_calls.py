"""Blocks come one after the other, whatever the order in which a model's calls come."""

from __future__ import annotations

import pytest

from llmbackends.errors import BadAnswer
from llmbackends.types import ChatChunk, ToolCallDelta
from tests.api.anthropic.writing import call, end, new_writer, shape_of, stream_of, text


def test_tool_calls_one_after_the_other() -> None:
    stream = stream_of(call(0, "a", '{"x":1}'), call(1, "b", "{"), call(1, arguments="}"), end())

    assert shape_of(stream) == [
        "0 start a", '0 + {"x":1}', "0 stop",
        "1 start b", "1 + {", "1 + }", "1 stop",
    ]  # fmt: skip


def test_tool_calls_in_one_chunk() -> None:
    both = ChatChunk(tool_calls=(ToolCallDelta(0, "x", "a", "{}"), ToolCallDelta(1, "y", "b", "{}")))

    assert shape_of(stream_of(both, end())) == [
        "0 start a", "0 + {}", "0 stop",
        "1 start b", "1 + {}", "1 stop",
    ]  # fmt: skip


def test_interleaved_call_waits_until_the_open_one_is_whole() -> None:
    writer = new_writer()

    assert shape_of(writer.chunk(0, call(0, "a", '{"x":{}'))) == ["0 start a", '0 + {"x":{}']
    assert writer.chunk(0, call(1, "b", '{"y":')) == b""
    assert shape_of(writer.chunk(0, call(0, arguments=',"z":2'))) == ['0 + ,"z":2']
    assert writer.chunk(0, call(1, arguments="3")) == b""
    assert shape_of(writer.chunk(0, call(0, arguments="}"))) == [
        "0 + }", "0 stop",
        "1 start b", '1 + {"y":3',
    ]  # fmt: skip


def test_interleaved_text_waits_too() -> None:
    stream = stream_of(call(0, "a", "{"), text("while "), text("waiting"), call(0, arguments="}"), end())

    assert shape_of(stream) == [
        "0 start a", "0 + {", "0 + }", "0 stop",
        "1 start text", "1 + while waiting", "1 stop",
    ]  # fmt: skip


def test_text_between_calls_is_a_block_of_its_own() -> None:
    stream = stream_of(call(0, "a", "{}"), text("then"), text("!"), call(1, "b", "{}"), text("done"), end())

    assert shape_of(stream) == [
        "0 start a", "0 + {}", "0 stop",
        "1 start text", "1 + then", "1 + !", "1 stop",
        "2 start b", "2 + {}", "2 stop",
        "3 start text", "3 + done", "3 stop",
    ]  # fmt: skip


def test_waiting_calls_are_told_at_the_end() -> None:
    stream = stream_of(call(0, "a"), call(1, "b", '{"x'), call(2, "c", "{}"), call(0, arguments="{"), end())

    assert shape_of(stream) == [
        "0 start a", "0 + {", "0 stop",
        "1 start b", '1 + {"x', "1 stop",
        "2 start c", "2 + {}", "2 stop",
    ]  # fmt: skip


def test_call_without_arguments_has_no_delta() -> None:
    assert shape_of(stream_of(call(0, "a"), call(0, arguments=" "), call(1, "b", "{}"), end())) == [
        "0 start a", "0 stop",
        "1 start b", "1 + {}", "1 stop",
    ]  # fmt: skip


def test_arguments_that_are_no_object_are_wrapped_at_the_end() -> None:
    writer = new_writer()

    assert shape_of(writer.chunk(0, call(0, "a", " [1,"))) == ["0 start a"]
    assert writer.chunk(0, call(0, arguments="2]")) == b""
    assert shape_of(stream_of(call(0, "a", " [1,"), call(0, arguments="2]"), end())) == [
        "0 start a", '0 + {"invalid_json":" [1,2]"}', "0 stop",
    ]  # fmt: skip


def test_blank_piece_after_the_end_of_a_call_is_dropped() -> None:
    stream = stream_of(call(0, "a", "{}"), call(1, "b", "{}"), call(0, arguments="\n"), end())

    assert shape_of(stream) == [
        "0 start a", "0 + {}", "0 stop",
        "1 start b", "1 + {}", "1 stop",
    ]  # fmt: skip


def test_call_that_goes_on_after_its_end_is_a_bad_answer() -> None:
    writer = new_writer()
    writer.chunk(0, call(0, "a", "{}"))
    writer.chunk(0, call(1, "b", "{}"))

    with pytest.raises(BadAnswer):
        writer.chunk(0, call(0, arguments="{}"))
