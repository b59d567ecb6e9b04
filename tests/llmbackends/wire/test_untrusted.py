"""Whatever a service answers, a wire raises BackendError or gives a whole value of ours.

Each test takes good payloads and puts each sort of noise into each place of them, one at a time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmbackends.errors import BackendError, BadAnswer
from llmbackends.types import ChatChunk, ChatResult, EmbeddingRequest, EmbeddingResult, ToolCall
from llmbackends.wire import EmbeddingWire, Options, Wire, load
from llmbackends.wire.payload import parse_json

OPENAI_CALL = {"index": 0, "id": "c", "function": {"name": "clock", "arguments": "{}"}}
LOGPROB = {"token": "Hi", "logprob": -0.5, "bytes": [72], "top_logprobs": [{"token": "Hi", "logprob": -0.5}]}
OPENAI_LOGPROBS = {"content": [LOGPROB], "refusal": None}
COLUMNS = {"tokens": ["Hi"], "token_logprobs": [-0.5], "top_logprobs": [{"Hi": -0.5}]}
OPENAI_USAGE = {"prompt_tokens": 5, "completion_tokens": 2}
ANTHROPIC_USAGE = {"input_tokens": 5, "cache_read_input_tokens": 1, "output_tokens": 2}
ANTHROPIC_TOOL = {"type": "tool_use", "id": "t", "name": "clock", "input": {"a": "b"}}
OLLAMA_MESSAGE = {
    "content": "Hi",
    "thinking": "hm",
    "tool_calls": [{"id": "c", "function": {"name": "clock", "arguments": {"a": "b"}}}],
}
OLLAMA_END = {"done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}

ANSWERS: dict[str, Any] = {
    "openai_chat": {
        "choices": [
            {
                "message": {"content": "Hi", "reasoning": "hm", "refusal": None, "tool_calls": [OPENAI_CALL]},
                "finish_reason": "stop",
                "logprobs": OPENAI_LOGPROBS,
            }
        ],
        "usage": OPENAI_USAGE,
    },
    "anthropic_messages": {
        "type": "message",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}, ANTHROPIC_TOOL],
        "stop_reason": "end_turn",
        "usage": ANTHROPIC_USAGE,
    },
    "ollama": {"message": OLLAMA_MESSAGE, "logprobs": [LOGPROB], **OLLAMA_END},
    "generic_json": {
        "choices": [{"text": "Hi", "finish_reason": "stop"}],
        "usage": OPENAI_USAGE,
        "error": None,
    },
}
STREAMS: dict[str, list[Any]] = {
    "openai_chat": [
        {
            "choices": [{"delta": {"content": "Hi", "tool_calls": [OPENAI_CALL]}, "finish_reason": None}],
            "usage": None,
        },
        {"choices": [{"delta": {"content": "!"}, "logprobs": OPENAI_LOGPROBS}]},
        {"choices": [{"delta": {"content": "!"}, "text": "!", "logprobs": COLUMNS}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": ""}}]}, "finish_reason": "stop"}]},
        {"choices": [], "usage": OPENAI_USAGE, "x_groq": {"usage": OPENAI_USAGE}},
    ],
    "anthropic_messages": [
        {"type": "message_start", "message": {"usage": ANTHROPIC_USAGE}},
        {"type": "content_block_start", "index": 0, "content_block": ANTHROPIC_TOOL},
        {"type": "content_block_delta", "index": 0, "delta": {"partial_json": "{}"}},
        {"type": "content_block_delta", "index": 1, "delta": {"text": "Hi", "thinking": "hm"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": ANTHROPIC_USAGE},
        {"type": "message_stop"},
    ],
    "ollama": [{"message": OLLAMA_MESSAGE, "done": False}, {"message": OLLAMA_MESSAGE, **OLLAMA_END}],
    "generic_json": [ANSWERS["generic_json"], {**ANSWERS["generic_json"], "done": True}],
}
EMBEDDINGS: dict[str, Any] = {
    "openai_chat": {
        "data": [{"index": 0, "embedding": [0.5, 1]}, {"index": 1, "embedding": [2.0, -1.0]}],
        "usage": OPENAI_USAGE,
    },
    "ollama": {"embeddings": [[0.5, 1], [2.0, -1.0]], "prompt_eval_count": 5},
}
ERRORS = {
    "error": {"message": "no", "type": "t", "code": 400, "status_code": 400, "metadata": {"raw": "x"}},
    "detail": [{"msg": "no"}],
}
MODELS = {"data": [{"id": "a"}, {"id": "b"}], "models": [{"name": "a"}, {"name": "b"}]}
OPTIONS: dict[str, Options] = {
    "generic_json": {
        "body": {"q": "{{prompt}}"},
        "text_path": "choices.0.text",
        "prompt_tokens_path": "usage.prompt_tokens",
        "completion_tokens_path": "usage.completion_tokens",
        "finish_reason_path": "choices.0.finish_reason",
        "error_path": "error",
        "stream_framing": "sse",
        "stream_end": "done=true",
    }
}
WIRES = list(ANSWERS)

ROUTES = ["chat", "prompt"]

NOISE = [
    *(None, True, False, -1, 0, 7, 1.5, float("nan"), 10**30, "", "x", "é\ud800", "error"),
    *([], {}, [None], [[]], [{}], {"x": 1}, {"message": {}}, [OPENAI_CALL] * 2),
]


def replaced(value: Any) -> Iterator[Callable[[Any], Any]]:
    """For each place in `value`: what makes a copy with something else there."""
    yield lambda new: new
    if isinstance(value, dict):
        for key, child in value.items():
            for replace in replaced(child):
                yield lambda new, key=key, replace=replace: {**value, key: replace(new)}
    if isinstance(value, list):
        for i, child in enumerate(value):
            for replace in replaced(child):
                yield lambda new, i=i, replace=replace: [*value[:i], replace(new), *value[i + 1 :]]


def noisy(value: Any) -> list[Any]:
    return [replace(new) for replace in replaced(value) for new in NOISE]


def noisy_events(events: list[Any]) -> list[list[str]]:
    """The texts of a stream's events, with noise in one of them."""
    streams = [[*events[:i], new, *events[i + 1 :]] for i, event in enumerate(events) for new in noisy(event)]
    return [[*map(json.dumps, each), "[DONE]"] for each in streams]


def require_encodable(*calls: ToolCall, texts: tuple[str, ...]) -> None:
    for text in (*texts, *(part for call in calls for part in (call.id, call.name, call.arguments))):
        text.encode()


def decoded(name: str, payload: Any, route: str) -> ChatResult | BackendError:
    try:
        return load(name).decode(payload, route=route, options=OPTIONS.get(name, {}))
    except BackendError as error:
        error.message.encode()
        return error


def streamed(name: str, events: list[str], route: str) -> list[ChatChunk] | BackendError:
    decoder = load(name).stream_decoder(route=route, options=OPTIONS.get(name, {}))
    try:
        chunks = [chunk for each in events for chunk in decoder.feed("", each)]
        return [*chunks, *decoder.close()]
    except BackendError as error:
        return error


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", WIRES)
def test_answer_with_noise_is_a_whole_result_or_a_backend_error(name: str, route: str) -> None:
    outcomes = [decoded(name, payload, route) for payload in noisy(ANSWERS[name])]
    for result in (each for each in outcomes if isinstance(each, ChatResult)):
        require_encodable(*result.tool_calls, texts=(result.text, result.reasoning))
        assert all(-9999 <= each.chosen.logprob <= 0 for each in result.logprobs)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", WIRES)
def test_stream_with_noise_has_one_finish_or_a_backend_error(name: str, route: str) -> None:
    outcomes = [streamed(name, events, route) for events in noisy_events(STREAMS[name])]
    for chunks in (each for each in outcomes if isinstance(each, list)):
        assert [chunk.finish_reason is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        for chunk in chunks:
            calls = (ToolCall(each.id or "", each.name or "", each.arguments) for each in chunk.tool_calls)
            require_encodable(*calls, texts=(chunk.text, chunk.reasoning))


@pytest.mark.parametrize("name", WIRES)
def test_payloads_that_the_noise_is_put_into_are_good(name: str) -> None:
    assert isinstance(decoded(name, ANSWERS[name], "chat"), ChatResult)
    assert isinstance(streamed(name, [*map(json.dumps, STREAMS[name]), "[DONE]"], "chat"), list)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings_with_noise_are_whole_vectors_or_a_backend_error(name: str) -> None:
    outcomes = [embedded(name, payload) for payload in noisy(EMBEDDINGS[name])]
    results = [each for each in outcomes if isinstance(each, EmbeddingResult)]
    assert results
    for result in results:
        assert [len(vector) for vector in result.vectors] == [2, 2]
        assert all(math.isfinite(number) for vector in result.vectors for number in vector)


def embedded(name: str, payload: Any) -> EmbeddingResult | BackendError:
    wire = load(name)
    assert isinstance(wire, EmbeddingWire)
    try:
        return wire.decode_embeddings(payload, request=EmbeddingRequest(("a", "b"), 2), options={})
    except BackendError as error:
        return error


@pytest.mark.parametrize("name", WIRES)
def test_error_body_with_noise_is_read_or_none(name: str) -> None:
    errors = [load(name).decode_error(each, options=OPTIONS.get(name, {})) for each in noisy(ERRORS)]
    for error in filter(None, errors):
        require_encodable(texts=(error.message, error.code))


@pytest.mark.parametrize("name", WIRES)
def test_models_with_noise_are_names_or_a_backend_error(name: str) -> None:
    def names(payload: Any) -> tuple[str, ...]:
        try:
            return load(name).decode_models(payload, options=OPTIONS.get(name, {}))
        except BackendError:
            return ()

    require_encodable(texts=tuple(each for payload in noisy(MODELS) for each in names(payload)))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 10_000, b"\xff", b'"\xff"'])
def test_text_that_is_no_json_is_a_bad_answer(text: str | bytes) -> None:
    with pytest.raises(BadAnswer, match="not JSON"):
        parse_json(text)


@pytest.mark.parametrize("name", WIRES)
def test_wire_has_every_function_of_the_protocol(name: str) -> None:
    functions = [each for each in vars(Wire) if not each.startswith("_")]
    assert len(functions) == 9
    assert [each for each in functions if not callable(getattr(load(name), each, None))] == []
