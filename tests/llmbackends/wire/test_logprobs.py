"""How likely the tokens were: asking for it, and each form in which it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmbackends.errors import BadAnswer
from llmbackends.types import ChatRequest, LikelyToken, Message, TokenLogprob
from llmbackends.wire import load, ollama, openai_chat

from .support import ndjson, sse, streamed_result

CHAT = ChatRequest((Message("user", "Hello"),), top_logprobs=2)
PROMPT = ChatRequest(prompt="Hello", top_logprobs=2)

ROW = {
    "token": " é",
    "logprob": -0.25,
    "bytes": [32, 195, 169],
    "top_logprobs": [{"token": " é", "logprob": -0.25, "bytes": None}, {"token": " e", "logprob": -2}],
}
READ = TokenLogprob(
    LikelyToken(" é", -0.25, " é".encode()), (LikelyToken(" é", -0.25), LikelyToken(" e", -2.0))
)
COLUMNS = {
    "tokens": ["a", "b"],
    "token_logprobs": [-0.5, -1.5],
    "top_logprobs": [{"x": -3.0, "a": -0.5}, None],
    "text_offset": [0, 1],
}


def encoded(wire: str, request: ChatRequest, *, prompt_route: bool = True) -> dict[str, Any]:
    call = load(wire).encode(request, model="m", stream=False, prompt_route=prompt_route, options={})
    return {name: call.body[name] for name in ("logprobs", "top_logprobs") if name in call.body}


@pytest.mark.parametrize(
    ("wire", "request_", "expected"),
    [
        ("openai_chat", CHAT, {"logprobs": True, "top_logprobs": 2}),
        ("openai_chat", PROMPT, {"logprobs": 2}),
        ("ollama", CHAT, {"logprobs": True, "top_logprobs": 2}),
        ("ollama", PROMPT, {"logprobs": True, "top_logprobs": 2}),
        ("openai_chat", replace(CHAT, top_logprobs=None), {}),
        ("openai_chat", replace(PROMPT, top_logprobs=None), {}),
        ("ollama", replace(CHAT, top_logprobs=None), {}),
    ],
)
def test_logprobs_are_asked_for(wire: str, request_: ChatRequest, expected: dict[str, Any]) -> None:
    assert encoded(wire, request_) == expected


@pytest.mark.parametrize("request_", [CHAT, PROMPT])
def test_no_likely_token_is_asked_for_as_one(request_: ChatRequest) -> None:
    """llama.cpp takes 0 for no logprobs at all."""
    assert 1 in encoded("openai_chat", replace(request_, top_logprobs=0)).values()


def test_answer_of_a_chat_has_logprobs_of_text_and_refusal() -> None:
    logprobs = {"content": [ROW], "refusal": [ROW]}
    payload = {"choices": [{"message": {"content": " é"}, "finish_reason": "stop", "logprobs": logprobs}]}

    assert openai_chat.decode(payload, route="chat", options={}).logprobs == (READ, READ)


def prompt_answer(logprobs: Any) -> tuple[TokenLogprob, ...]:
    payload = {"choices": [{"text": "ab", "finish_reason": "stop", "logprobs": logprobs}]}
    return openai_chat.decode(payload, route="prompt", options={}).logprobs


def test_answer_of_the_prompt_route_has_them_in_columns_the_likeliest_first() -> None:
    assert prompt_answer(COLUMNS) == (
        TokenLogprob(LikelyToken("a", -0.5), (LikelyToken("a", -0.5), LikelyToken("x", -3.0))),
        TokenLogprob(LikelyToken("b", -1.5)),
    )


def test_answer_of_the_prompt_route_may_have_them_in_rows() -> None:
    assert prompt_answer({"content": [ROW]}) == (READ,)


def test_answer_without_logprobs_has_none() -> None:
    assert prompt_answer(None) == ()


@pytest.mark.parametrize(
    ("told", "read"), [(float("-inf"), -9999.0), (-3.4e38, -9999.0), (1e-7, 0.0), (-1, -1.0)]
)
def test_logprob_is_a_number_that_json_has(told: float, read: float) -> None:
    assert prompt_answer({"content": [{"token": "a", "logprob": told}]})[0].chosen.logprob == read


@pytest.mark.parametrize(
    "logprobs",
    [
        [ROW],
        {"content": [{**ROW, "logprob": None}]},
        {"content": [{**ROW, "logprob": float("nan")}]},
        {"content": [{**ROW, "bytes": [256]}]},
        {"content": [{**ROW, "bytes": ["a"]}]},
        {**COLUMNS, "token_logprobs": [-0.5]},
        {**COLUMNS, "top_logprobs": [None]},
    ],
    ids=["list", "null", "nan", "no-byte", "text-for-byte", "fewer-numbers", "fewer-tops"],
)
def test_malformed_logprobs_are_a_bad_answer(logprobs: Any) -> None:
    with pytest.raises(BadAnswer):
        prompt_answer(logprobs)


def test_stream_of_a_chat_collects_logprobs_even_of_tokens_without_text() -> None:
    events = [
        {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [ROW]}}]},
        {"choices": [{"delta": {"content": ""}, "logprobs": {"content": [ROW, ROW]}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop", "logprobs": None}]},
    ]

    assert streamed_result(openai_chat, sse(*events, "[DONE]")).logprobs == (READ, READ, READ)


def test_stream_of_the_prompt_route_collects_logprobs() -> None:
    events = [{"choices": [{"text": "ab", "logprobs": COLUMNS, "finish_reason": "stop"}]}]

    result = streamed_result(openai_chat, sse(*events, "[DONE]"), route="prompt")

    assert [each.chosen.token for each in result.logprobs] == ["a", "b"]


def test_ollama_tells_logprobs_beside_its_message() -> None:
    end = {"done": True, "done_reason": "stop"}
    line = {"message": {"content": " é"}, "logprobs": [ROW]}

    whole = ollama.decode({**line, **end}, route="chat", options={})
    streamed = streamed_result(ollama, ndjson({**line, "done": False}, {"message": {"content": ""}, **end}))

    assert whole.logprobs == streamed.logprobs == (READ,)
