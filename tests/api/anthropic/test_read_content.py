from __future__ import annotations

from llmbackends.types import ImagePart, Message, TextPart, ToolCall
from tests.api.anthropic.reading import HELLO, IMAGE, PIXEL, messages_of

CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Seoul"}}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _result(**fields: object) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", **fields}


def test_content_single_text_block_is_plain_text() -> None:
    block = {**_text("Hello"), "cache_control": {"type": "ephemeral"}}

    assert messages_of({"role": "user", "content": [block]}) == (Message("user", "Hello"),)


def test_content_text_blocks_stay_parts() -> None:
    (message,) = messages_of({"role": "user", "content": [_text("a"), _text("b")]})

    assert message == Message("user", (TextPart("a"), TextPart("b")))


def test_content_image() -> None:
    (message,) = messages_of({"role": "user", "content": [_text("What is it?"), IMAGE]})

    assert message.parts == (TextPart("What is it?"), ImagePart(PIXEL, "image/png"))


def test_content_tool_use_becomes_call_beside_text() -> None:
    _, message = messages_of(HELLO, {"role": "assistant", "content": [_text("I look."), CALL]})

    assert message.text == "I look."
    assert message.tool_calls == (ToolCall("toolu_1", "weather", '{"city":"Seoul"}'),)


def test_content_tool_use_alone_has_no_text() -> None:
    _, message = messages_of(HELLO, {"role": "assistant", "content": [CALL]})

    assert (message.role, message.text, len(message.tool_calls)) == ("assistant", "", 1)


def test_content_tool_use_keeps_numbers_digit_for_digit() -> None:
    call = {**CALL, "input": {"n": 123456789012345678901234567890}}

    _, message = messages_of(HELLO, {"role": "assistant", "content": [call]})

    assert message.tool_calls[0].arguments == '{"n":123456789012345678901234567890}'


def test_content_thinking_is_skipped() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    redacted = {"type": "redacted_thinking", "data": "x"}

    _, message = messages_of(HELLO, {"role": "assistant", "content": [thinking, redacted, _text("Yes")]})

    assert message == Message("assistant", "Yes")


def test_content_of_thinking_alone_leaves_no_message() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "x"}

    assert messages_of(HELLO, {"role": "assistant", "content": [thinking]}) == (Message("user", "Hello"),)


def test_content_tool_results_and_text_keep_their_order() -> None:
    blocks = [
        _result(content="Sunny"),
        _result(tool_use_id="toolu_2", content=[_text("12"), _text(" degrees")]),
        _text("And tomorrow?"),
        _result(tool_use_id="toolu_3", content="Rain", is_error=True),
    ]

    assert messages_of({"role": "user", "content": blocks}) == (
        Message("tool", "Sunny", tool_call_id="toolu_1"),
        Message("tool", (TextPart("12"), TextPart(" degrees")), tool_call_id="toolu_2"),
        Message("user", "And tomorrow?"),
        Message("tool", "Rain", tool_call_id="toolu_3"),
    )


def test_content_tool_result_after_text() -> None:
    messages = messages_of({"role": "user", "content": [_text("Look:"), _result(content="Sunny")]})

    assert [message.role for message in messages] == ["user", "tool"]


def test_content_tool_result_without_content_is_empty() -> None:
    assert messages_of({"role": "user", "content": [_result()]}) == (
        Message("tool", "", tool_call_id="toolu_1"),
    )


def test_content_tool_result_may_hold_image() -> None:
    (message,) = messages_of({"role": "user", "content": [_result(content=[IMAGE])]})

    assert message == Message("tool", (ImagePart(PIXEL, "image/png"),), tool_call_id="toolu_1")


def test_content_system_turn_stays_in_its_place() -> None:
    turn = {"role": "system", "content": [_text("Be"), _text("brief.")]}

    assert messages_of(HELLO, turn, HELLO)[1] == Message("system", "Be\n\nbrief.")
