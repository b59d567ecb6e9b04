from __future__ import annotations

from typing import Any

import pytest

from api.errors import ApiError
from llmbackends.types import ImagePart, Message, TextPart, ToolCall
from tests.api.openai.responses_support import read

PIXEL = "iVBORw0KGgo="
USER = {"role": "user", "content": "When?"}


def made_call(number: int) -> dict[str, Any]:
    call_id = f"call_{number}"
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": "tide", "arguments": "{}"}


def output(number: int, value: Any = "at noon") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": value}


def messages_of(*items: dict[str, Any]) -> tuple[Message, ...]:
    [request] = read(input=list(items)).requests
    return request.messages


def the_call(number: int) -> ToolCall:
    return ToolCall(f"call_{number}", "tide", "{}")


def test_input_messages_have_their_roles() -> None:
    messages = messages_of(
        {"type": "message", "role": "system", "content": "a"},
        {"role": "developer", "content": "b"},
        {"role": "user", "content": "c"},
        {"type": None, "role": "assistant", "content": "d"},
    )

    assert messages == (
        Message("system", "a"),
        Message("system", "b"),
        Message("user", "c"),
        Message("assistant", "d"),
    )


def test_input_message_may_consist_of_texts() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b", "annotations": []}]

    [message] = messages_of({"role": "user", "content": parts})

    assert message.content == (TextPart("a"), TextPart("b"))


def test_input_message_of_the_assistant_may_be_a_refusal() -> None:
    [message] = messages_of({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]})

    assert message.text == "No."


def test_input_message_of_the_user_may_have_images() -> None:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "low"}

    [message] = messages_of({"role": "user", "content": [{"type": "input_text", "text": "What?"}, image]})

    assert message.content == (TextPart("What?"), ImagePart(PIXEL, "image/png"))


def test_input_call_and_its_output_are_a_turn_and_an_answer() -> None:
    messages = messages_of(USER, made_call(1), output(1))

    assert messages == (
        Message("user", "When?"),
        Message("assistant", tool_calls=(the_call(1),)),
        Message("tool", "at noon", tool_call_id="call_1"),
    )


def test_input_calls_of_one_turn_are_one_message_with_its_texts() -> None:
    messages = messages_of(
        USER,
        {"role": "assistant", "content": [{"type": "output_text", "text": "Let me "}]},
        made_call(1),
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "x"},
        made_call(2),
        {"role": "assistant", "content": "see."},
        output(1),
        output(2),
    )

    assert messages == (
        Message("user", "When?"),
        Message("assistant", "Let me see.", (the_call(1), the_call(2))),
        Message("tool", "at noon", tool_call_id="call_1"),
        Message("tool", "at noon", tool_call_id="call_2"),
    )


def test_input_calls_of_two_turns_are_two_messages() -> None:
    messages = messages_of(USER, made_call(1), output(1), made_call(2), output(2))

    assert [message.role for message in messages] == ["user", "assistant", "tool", "assistant", "tool"]


def test_input_messages_of_the_assistant_without_calls_stay_apart() -> None:
    said = {"role": "assistant", "content": "Yes."}

    assert messages_of(said, said) == (Message("assistant", "Yes."), Message("assistant", "Yes."))


def test_input_output_may_consist_of_texts() -> None:
    parts = [{"type": "input_text", "text": "at "}, {"type": "input_text", "text": "noon"}]

    *_, message = messages_of(made_call(1), output(1, parts))

    assert message.text == "at noon"


IMAGE = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}


def said(*parts: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(parts)}


@pytest.mark.parametrize(
    ("items", "param", "message"),
    [
        ([{"type": "item_reference", "id": "msg_1"}], "input[0]", "keeps no items"),
        ([USER, {"type": "web_search_call"}], "input[1].type", '"web_search_call"'),
        ([{"content": "a"}], "input[0].role", "no role"),
        ([{"role": "user"}], "input[0].content", "no content"),
        ([{"role": "tool", "content": "a"}], "input[0].role", "not valid"),
        ([said({"type": "input_audio"})], "input[0].content[0].type", '"input_audio"'),
        ([said({"type": "input_file", "file_id": "f"})], "input[0].content[0].type", '"input_file"'),
        ([said({"type": "input_text"})], "input[0].content[0].text", "missing"),
        ([said({"type": "refusal"})], "input[0].content[0].refusal", "missing"),
        (
            [said({"type": "input_image", "file_id": "file_1"})],
            "input[0].content[0].image_url",
            "keeps no files",
        ),
        (
            [said({"type": "input_image", "image_url": "https://example.com/a.png"})],
            "input[0].content[0].image_url",
            "not fetched",
        ),
        ([said(IMAGE, role="assistant")], "input[0].content[0].type", "Only messages of the user"),
        ([made_call(1), output(1, [IMAGE])], "input[1].output[0].type", "Only messages of the user"),
        ([{"type": "function_call", "name": "tide"}], "input[0].call_id", "missing"),
        ([{"type": "function_call", "call_id": "call_1"}], "input[0].name", "missing"),
        ([{"type": "function_call_output", "output": "a"}], "input[0].call_id", "missing"),
        ([made_call(1), output(2)], "input[1].call_id", "send the whole conversation"),
        ([made_call(1), output(1, None)], "input[1].output", "no output"),
        ([made_call(1), output(1, {"a": 1})], "input[1].output", "not valid"),
    ],
)
def test_input_is_refused(items: list[Any], param: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(input=items)

    assert refused.value.public.code == "invalid_request"
    assert refused.value.public.param == param
    assert message in refused.value.public.message
