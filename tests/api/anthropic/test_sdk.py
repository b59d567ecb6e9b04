"""The `anthropic` SDK, with strict validation of every answer."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic.types import TextBlock, ToolUseBlock
from pydantic import BaseModel

from api.errors import ERRORS
from llmbackends.types import ChatResult, FinishReason, Message, ToolCall
from tests.api.anthropic.reading import HELLO, IMAGE, WEATHER
from tests.api.anthropic.stand import plain, refused, standing, streamed
from tests.api.anthropic.writing import call, end, text

ASKED: dict[str, Any] = {"model": "default", "max_tokens": 50, "messages": [HELLO]}
HI = ChatResult("Hi", FinishReason.STOP)


def test_create_text() -> None:
    with standing(plain(HI)) as stand:
        message = stand.client.messages.create(**ASKED)

    assert message.content == [TextBlock(type="text", text="Hi")]
    assert (message.id, message.model, message.stop_reason) == (
        "msg_0123456789abcdef0123456789abcdef",
        "default",
        "end_turn",
    )
    assert (message.usage.input_tokens, message.usage.output_tokens) == (12, 5)


def test_create_tool_use() -> None:
    result = ChatResult(
        "",
        FinishReason.TOOL_CALLS,
        (ToolCall("x", "weather", '{"city": "Seoul"}'), ToolCall("y", "clock", "oops")),
    )

    with standing(plain(result)) as stand:
        message = stand.client.messages.create(**ASKED, tools=[WEATHER], tool_choice={"type": "any"})

    assert message.stop_reason == "tool_use"
    assert [block.input for block in message.content if isinstance(block, ToolUseBlock)] == [
        {"city": "Seoul"},
        {"invalid_json": "oops"},
    ]


def test_answer_can_be_sent_back() -> None:
    result = ChatResult("I look.", FinishReason.TOOL_CALLS, (ToolCall("x", "weather", '{"city":"Seoul"}'),))
    with standing(plain(result)) as stand:
        answer = stand.client.messages.create(**ASKED, tools=[WEATHER])
        sunny = [{"type": "text", "text": "Sunny"}]
        turn = {"type": "tool_result", "tool_use_id": answer.content[1].id, "content": sunny}
        stand.client.messages.create(
            model="default",
            max_tokens=50,
            messages=[HELLO, answer.to_param(), {"role": "user", "content": [turn, IMAGE]}],
        )

    call_id = "toolu_0123456789abcdef01230000"
    _, said, result_message, image = stand.asked[1].requests[0].messages
    assert said == Message("assistant", "I look.", (ToolCall(call_id, "weather", '{"city":"Seoul"}'),))
    assert result_message == Message("tool", "Sunny", tool_call_id=call_id)
    assert image.has_images


def test_create_with_all_that_the_sdk_sends() -> None:
    with standing(plain(HI)) as stand:
        stand.client.messages.create(
            **ASKED,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            thinking={"type": "enabled", "budget_tokens": 1024},
            metadata={"user_id": "7"},
            stop_sequences=["END"],
            service_tier="auto",
            extra_body={"top_k": 5, "temperature": 0.5},
        )

    request = stand.asked[0].requests[0]
    assert request.messages == (Message("system", "Be brief."), Message("user", "Hello"))
    assert (request.sampling.top_k, request.sampling.temperature, request.sampling.stop) == (5, 0.5, ("END",))


def test_create_stream() -> None:
    with standing(streamed(text("Hel"), text("lo"), end())) as stand:
        kinds = [event.type for event in stand.client.messages.create(**ASKED, stream=True)]

    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_stream_final_message() -> None:
    with (
        standing(streamed(text("Hel"), text("lo"), end(FinishReason.LENGTH))) as stand,
        stand.client.messages.stream(**ASKED) as stream,
    ):
        pieces = list(stream.text_stream)
        message = stream.get_final_message()

    assert pieces == ["Hel", "lo"]
    assert (stream.get_final_text(), message.stop_reason) == ("Hello", "max_tokens")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (12, 5)


def test_stream_tool_use_interleaved() -> None:
    chunks = (
        text("I look."),
        call(0, "weather", '{"city":'),
        call(1, "clock"),
        call(1, arguments='{"zone":"KST"}'),
        call(0, arguments='"Seoul"}'),
        call(2, "alarm"),
        end(FinishReason.TOOL_CALLS),
    )

    with standing(streamed(*chunks)) as stand, stand.client.messages.stream(**ASKED) as stream:
        message = stream.get_final_message()

    assert message.stop_reason == "tool_use"
    assert [(block.name, block.input) for block in message.content if isinstance(block, ToolUseBlock)] == [
        ("weather", {"city": "Seoul"}),
        ("clock", {"zone": "KST"}),
        ("alarm", {}),
    ]


def test_stream_that_fails_raises() -> None:
    with (
        standing(streamed(text("Hel"), failing="backend_unavailable")) as stand,
        stand.client.messages.stream(**ASKED) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        stream.get_final_message()

    assert (caught.value.type, caught.value.error_code) == ("overloaded_error", "backend_unavailable")


def test_parse_sends_schema_and_reads_answer() -> None:
    class City(BaseModel):
        name: str

    with standing(plain(ChatResult('{"name": "Seoul"}', FinishReason.STOP))) as stand:
        message = stand.client.messages.parse(**ASKED, output_format=City)

    assert message.parsed_output == City(name="Seoul")
    wanted = stand.asked[0].requests[0].response_format
    assert wanted is not None
    assert (wanted.kind, wanted.schema and wanted.schema["required"]) == ("json_schema", ["name"])


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ("invalid_request", anthropic.BadRequestError),
        ("context_length_exceeded", anthropic.BadRequestError),
        ("invalid_api_key", anthropic.AuthenticationError),
        ("permission_denied", anthropic.PermissionDeniedError),
        ("model_not_found", anthropic.NotFoundError),
        ("rate_limit_exceeded", anthropic.RateLimitError),
        ("request_too_large", anthropic.APIStatusError),
        ("backend_unavailable", anthropic.InternalServerError),
        ("backend_error", anthropic.InternalServerError),
        ("backend_timeout", anthropic.InternalServerError),
    ],
)
def test_error_becomes_exception(code: str, exception: type[anthropic.APIStatusError]) -> None:
    with standing(refused(ERRORS[code])) as stand, pytest.raises(exception) as caught:
        stand.client.messages.create(**ASKED)

    assert caught.value.error_code == code
    assert caught.value.api_message == ERRORS[code].message


def test_wrong_request_becomes_bad_request() -> None:
    document = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}

    with standing(plain(HI)) as stand, pytest.raises(anthropic.BadRequestError) as caught:
        stand.client.messages.create(
            model="default", max_tokens=50, messages=[{"role": "user", "content": [document]}]
        )

    assert caught.value.api_message == (
        "messages[0].content[0]: Documents cannot be read here. Send their text in a text block."
    )
