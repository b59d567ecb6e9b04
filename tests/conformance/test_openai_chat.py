"""OpenAI's own client, strict about every answer, on /v1/chat/completions."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.conformance.installation import ALIAS

pytestmark = pytest.mark.processes

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_plain(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=ALIAS, messages=MESSAGES)

    [choice] = answer.choices
    assert choice.message.content is not None
    assert choice.message.content.endswith("Say hello.")
    assert (choice.finish_reason, choice.message.role, choice.index) == ("stop", "assistant", 0)
    assert (answer.object, answer.model) == ("chat.completion", ALIAS)
    assert answer.id.startswith("chatcmpl-")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_plain_answers_of_the_whole_conversation(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "add"}}
    messages: Any = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "Ada", "content": [{"type": "text", "text": "What is two and three?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"a":2,"b":3}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "5"},
        {"role": "user", "content": "And twice that?"},
    ]

    answer = client.chat.completions.create(model=ALIAS, messages=messages, tools=[tool])

    assert "And twice that?" in (answer.choices[0].message.content or "")


def test_plain_with_an_image(client: openai.OpenAI) -> None:
    assert base64.b64decode(PIXEL)
    content: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
    ]

    answer = client.chat.completions.create(model=ALIAS, messages=[{"role": "user", "content": content}])

    assert "What is this?" in (answer.choices[0].message.content or "")


def test_plain_with_several_choices(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=ALIAS, messages=MESSAGES, n=3)

    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_plain_tolerates_what_it_does_not_know(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=ALIAS,
        messages=MESSAGES,
        temperature=0.3,
        top_p=0.9,
        seed=7,
        user="somebody",
        store=False,
        metadata={"order": "4711"},
        service_tier="auto",
        reasoning_effort="low",
        parallel_tool_calls=True,
        extra_body={"top_k": 40, "chat_template_kwargs": {"thinking": False}},
        extra_headers={"X-Stainless-Helper": "any"},
    )

    assert answer.choices[0].message.content
    assert answer.service_tier is None
    assert answer.system_fingerprint is None


def test_stream(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model=ALIAS, messages=MESSAGES, stream=True))

    assert text_of(chunks).endswith("Say hello.")
    assert len(chunks) > 3
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {ALIAS}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_stream_says_the_usage_in_a_last_chunk_of_its_own(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=ALIAS, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )

    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_stream_says_the_same_as_the_plain_answer(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model=ALIAS, messages=MESSAGES)
    chunks = list(client.chat.completions.create(model=ALIAS, messages=MESSAGES, stream=True))

    assert text_of(chunks) == plain.choices[0].message.content


def test_stream_with_several_choices(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model=ALIAS, messages=MESSAGES, n=2, stream=True))

    finished = [choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert sorted(finished) == [0, 1]


def test_stream_helper_collects_the_same_answer(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model=ALIAS, messages=MESSAGES, stream_options={"include_usage": True}
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()

    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert (final.choices[0].message.content or "").endswith("Say hello.")
    assert final.usage is not None


def test_raw_answer_has_a_request_id_and_nothing_of_the_upstream(toy_client: openai.OpenAI) -> None:
    raw = toy_client.chat.completions.with_raw_response.create(
        model=ALIAS, messages=MESSAGES, extra_headers={"X-Request-ID": "order-4711"}
    )

    assert raw.headers["x-request-id"] == "order-4711"
    assert raw.parse()._request_id == "order-4711"
    shown = (raw.text + str(raw.headers)).lower()
    assert [word for word in ("llama", "toy", "gguf", "timings") if word in shown] == []


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
