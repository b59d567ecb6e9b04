"""Bytes to events: the SSE standard's rules, JSON lines, and independence of how the bytes were cut."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmbackends.errors import BadAnswer
from llmbackends.framing import Event, EventParser, NDJSONParser, SSEParser, parser_for


def events_of(parser: EventParser, chunks: Iterable[bytes]) -> list[Event]:
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*events, *parser.close()]


def sse(*chunks: bytes) -> list[Event]:
    return events_of(SSEParser(), chunks)


def ndjson(*chunks: bytes) -> list[Event]:
    return events_of(NDJSONParser(), chunks)


def cut(data: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


# Server-sent events


def test_sse_event_ends_with_blank_line() -> None:
    assert sse(b"data: one\n\ndata: two\n\n") == [Event("", "one"), Event("", "two")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_sse_takes_each_line_end(end: bytes) -> None:
    assert sse(b"event: e" + end + b"data: x" + end + end) == [Event("e", "x")]


def test_sse_crlf_cut_in_the_middle_is_one_line_end() -> None:
    assert sse(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [Event("", "a\nb")]


def test_sse_dispatches_at_cr_without_waiting_for_more() -> None:
    assert list(SSEParser().feed(b"data: x\r\r")) == [Event("", "x")]


def test_sse_empty_chunk_between_cr_and_lf_changes_nothing() -> None:
    assert sse(b"data: a\r", b"", b"\ndata: b\n\n") == [Event("", "a\nb")]


def test_sse_joins_data_lines_with_line_feeds() -> None:
    assert sse(b"data: a\ndata:\ndata: c\n\n") == [Event("", "a\n\nc")]


def test_sse_takes_one_space_after_the_colon() -> None:
    assert sse(b"data:  two\ndata:none\n\n") == [Event("", " two\nnone")]


def test_sse_field_without_colon_has_empty_value() -> None:
    assert sse(b"data\n\n") == [Event("", "")]


def test_sse_ignores_comments_and_other_fields() -> None:
    body = b": OPENROUTER PROCESSING\n\nid: 7\nretry: 100\ndatax: no\ndata: x\n: in between\n\n"
    assert sse(body) == [Event("", "x")]


def test_sse_event_name_holds_for_one_event() -> None:
    assert sse(b"event: ping\ndata: a\n\ndata: b\n\n") == [Event("ping", "a"), Event("", "b")]


def test_sse_event_name_without_data_is_forgotten() -> None:
    assert sse(b"event: ping\n\ndata: b\n\n") == [Event("", "b")]


def test_sse_unfinished_event_is_dropped_at_the_end() -> None:
    assert sse(b"data: a\n\ndata: b\n") == [Event("", "a")]


@pytest.mark.parametrize("chunks", [[b"\xef\xbb\xbfdata: a\n\n"], [b"\xef", b"\xbb", b"\xbfdata: a\n\n"]])
def test_sse_byte_order_mark_is_dropped(chunks: list[bytes]) -> None:
    assert sse(*chunks) == [Event("", "a")]


def test_sse_byte_order_mark_later_is_text() -> None:
    assert sse(b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n") == [Event("", "a"), Event("", "c")]


def test_sse_utf8_cut_in_the_middle_of_a_character() -> None:
    data = "data: 😀é\n\n".encode()
    assert sse(*(data[i : i + 1] for i in range(len(data)))) == [Event("", "😀é")]


def test_sse_line_separators_of_unicode_end_no_line() -> None:
    assert sse("data: a\u2028b\x85c\x0bd\n\n".encode()) == [Event("", "a\u2028b\x85c\x0bd")]


def test_sse_invalid_utf8_is_bad_answer_after_the_events_before_it() -> None:
    events = SSEParser().feed(b"data: good\n\ndata: \xff\n\n")
    assert next(events) == Event("", "good")
    with pytest.raises(BadAnswer, match="not UTF-8"):
        next(events)


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_sse_line_longer_than_the_cap_is_bad_answer(chunk_size: int) -> None:
    parser = SSEParser(max_line_bytes=20)
    data = b"data: " + b"x" * 15 + b"\n\n"
    with pytest.raises(BadAnswer, match="line"):
        events_of(parser, (data[i : i + chunk_size] for i in range(0, len(data), chunk_size)))


def test_sse_line_without_end_is_stopped_at_the_cap() -> None:
    parser = SSEParser(max_line_bytes=20)
    with pytest.raises(BadAnswer, match="line"):
        events_of(parser, [b"data: " + b"x" * 15])


def test_sse_event_of_many_lines_is_stopped_at_the_cap() -> None:
    parser = SSEParser(max_event_bytes=20)
    with pytest.raises(BadAnswer, match="event"):
        events_of(parser, [b"data:\n"] * 22)


def test_sse_line_and_event_as_long_as_the_caps_pass() -> None:
    parser = SSEParser(max_line_bytes=20, max_event_bytes=14)
    assert events_of(parser, [b"data: ", b"x" * 14, b"\n\n"]) == [Event("", "x" * 14)]


def test_default_cap_is_four_mebibytes() -> None:
    whole = b"data:" + b"x" * (4 * 1024 * 1024 - 5)
    assert len(sse(whole, b"\n\n")[0].data) == 4 * 1024 * 1024 - 5
    with pytest.raises(BadAnswer, match="4194304"):
        sse(whole, b"x")


# JSON lines


def test_ndjson_line_is_an_event_without_name() -> None:
    assert ndjson(b'{"a": 1}\n{"a": 2}\r\n') == [Event("", '{"a": 1}'), Event("", '{"a": 2}')]


def test_ndjson_last_line_needs_no_end() -> None:
    assert ndjson(b'{"a": 1}\n{"a"', b": 2}") == [Event("", '{"a": 1}'), Event("", '{"a": 2}')]


def test_ndjson_skips_blank_lines() -> None:
    assert ndjson(b'\n \r\n{"a": 1}\n\n') == [Event("", '{"a": 1}')]


def test_ndjson_cr_inside_json_ends_no_line() -> None:
    assert ndjson(b'{"a":\r1}\n') == [Event("", '{"a":\r1}')]


def test_ndjson_byte_order_mark_is_dropped() -> None:
    assert ndjson(b"\xef\xbb", b'\xbf{"a": 1}') == [Event("", '{"a": 1}')]


def test_ndjson_invalid_utf8_in_the_last_line_is_bad_answer() -> None:
    parser = NDJSONParser()
    list(parser.feed(b'"\xe2\x82'))
    with pytest.raises(BadAnswer, match="not UTF-8"):
        list(parser.close())


def test_ndjson_line_longer_than_the_cap_is_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="line"):
        events_of(NDJSONParser(max_line_bytes=10), [b'"12345', b'6789"\n'])


# Any cut gives the same

SSE_BITS = st.sampled_from(
    [b"data: ", b"data:", b"data", b"event: e", b": c", b"id: 1", b"\n", b"\r", b"\r\n", "é😀".encode(), b"x"]
)


def standard_events(data: bytes) -> list[Event]:
    """The standard's own algorithm, written plainly."""
    lines = re.split("\r\n|\r|\n", data.decode())[:-1]
    events, name, values = [], "", []
    for line in lines:
        field, _, value = line.partition(":")
        if line == "":
            events += [Event(name, "\n".join(values))] if values else []
            name, values = "", []
        elif field == "data":
            values.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
    return events


@given(st.lists(SSE_BITS, max_size=40).map(b"".join), st.lists(st.integers(0, 400), max_size=20))
def test_sse_any_cut_gives_the_events_of_the_standard(data: bytes, positions: list[int]) -> None:
    assert sse(*cut(data, positions)) == standard_events(data)


@given(
    st.lists(st.sampled_from([b'{"a"', b": 1}", b"\n", b"\r\n", b" ", "é😀".encode()]), max_size=40).map(
        b"".join
    ),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_ndjson_any_cut_gives_the_lines(data: bytes, positions: list[int]) -> None:
    expected = [Event("", line.strip(" \r")) for line in data.decode().split("\n") if line.strip(" \r")]
    assert ndjson(*cut(data, positions)) == expected


def outcome(parser: EventParser, chunks: list[bytes]) -> tuple[list[Event], str]:
    events: list[Event] = []
    try:
        for chunk in chunks:
            for event in parser.feed(chunk):
                events.append(event)
    except BadAnswer as error:
        return events, error.message
    return events, ""


NOISE = st.lists(SSE_BITS | st.binary(max_size=5), max_size=40).map(b"".join)


@given(NOISE, st.lists(st.integers(0, 400), max_size=20))
def test_sse_any_cut_gives_the_same_error_at_the_same_place(data: bytes, positions: list[int]) -> None:
    def parser() -> SSEParser:
        return SSEParser(max_line_bytes=20, max_event_bytes=25)

    assert outcome(parser(), cut(data, positions)) == outcome(parser(), [data])


def test_parser_for_framing() -> None:
    assert isinstance(parser_for("sse"), SSEParser)
    assert isinstance(parser_for("ndjson"), NDJSONParser)
