from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.callers import Caller
from tests.api.frontdoor.chat import HELLO, TOOL, URL, streamed


def test_chat_answers_with_the_text_the_alias_and_the_usage(activate: Callable, member: Caller) -> None:
    activate(options={"text": "The tide comes in."})

    answer = member.post(URL, json=HELLO).json()

    assert answer["object"] == "chat.completion"
    assert answer["model"] == "default"
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": "The tide comes in.",
        "refusal": None,
    }
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}


def test_chat_streams_the_same_text_in_pieces_to_the_end_marker(activate: Callable, member: Caller) -> None:
    activate(options={"text": "The tide comes in."})

    *chunks, end = streamed(member, HELLO)

    assert end == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "The tide comes in."
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-1] == "stop"
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_chat_stream_brings_usage_last_if_asked(activate: Callable, member: Caller) -> None:
    activate(options={"text": "Yes."})

    *chunks, last, _end = streamed(member, {**HELLO, "stream_options": {"include_usage": True}})

    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    assert all(chunk["usage"] is None for chunk in chunks)


def test_chat_gives_as_many_choices_as_asked(activate: Callable, member: Caller) -> None:
    activate(options={"text": "Yes."})

    answer = member.post(URL, json={**HELLO, "n": 3}).json()

    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 3


def test_chat_streams_all_choices_side_by_side(activate: Callable, member: Caller) -> None:
    activate(options={"text": "One two three."})

    *chunks, end = streamed(member, {**HELLO, "n": 3})

    texts = ["", "", ""]
    for chunk in chunks:
        choice = chunk["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == ["One two three."] * 3
    assert end == "[DONE]"


def test_chat_calls_the_chosen_tool_under_an_id_of_ours(activate: Callable, member: Caller) -> None:
    activate()

    answer = member.post(URL, json={**HELLO, "tools": [TOOL], "tool_choice": "required"}).json()

    [choice] = answer["choices"]
    [call] = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert call["function"]["name"] == "tide"
    assert call["id"].startswith("call_")


def test_chat_streams_the_arguments_of_a_tool_call(activate: Callable, member: Caller) -> None:
    activate()
    tool = {**TOOL, "function": {**TOOL["function"], "name": "tide"}}  # type: ignore[dict-item]

    *chunks, _end = streamed(member, {**HELLO, "tools": [tool], "tool_choice": "required"})

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert calls[0]["id"].startswith("call_")
    assert [call.get("id") for call in calls[1:]] == [None] * len(calls[1:])
    assert "".join(call["function"]["arguments"] for call in calls).startswith('{"port"')


def test_chat_tells_logprobs_if_asked(activate: Callable, member: Caller) -> None:
    activate(options={"text": "Yes."})

    answer = member.post(URL, json={**HELLO, "logprobs": True, "top_logprobs": 2}).json()

    [token] = answer["choices"][0]["logprobs"]["content"]
    assert token["token"] == "Yes."
    assert token["bytes"] == list(b"Yes.")
    assert len(token["top_logprobs"]) == 2


def test_chat_tolerates_fields_that_it_does_not_know(activate: Callable, member: Caller) -> None:
    activate()

    response = member.post(URL, json={**HELLO, "store": True, "prompt_cache_key": {"deep": [1, None]}})

    assert response.status_code == 200


def test_chat_ignores_sampling_that_the_row_does_not_open(activate: Callable, member: Caller) -> None:
    activate(options={"text": "One two three."}, client_parameters={})

    answer = member.post(URL, json={**HELLO, "max_tokens": 1, "stop": ["two"]}).json()

    assert answer["choices"][0]["message"]["content"] == "One two three."


@pytest.mark.parametrize(("asked", "text"), [(2, "One two"), (3, "One two three.")])
def test_chat_follows_sampling_within_the_bounds_of_the_row(
    activate: Callable, member: Caller, asked: int, text: str
) -> None:
    activate(options={"text": "One two three."}, client_parameters={"max_tokens": {"maximum": 2}})

    answer = member.post(URL, json={**HELLO, "max_completion_tokens": asked}).json()

    assert answer["choices"][0]["message"]["content"] == text


def test_chat_that_asks_for_what_the_service_lacks_is_told_what(activate: Callable, member: Caller) -> None:
    activate(provider="ollama")

    response = member.post(URL, json={**HELLO, "tools": [TOOL], "tool_choice": "required"})

    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == "tool_choice"
    assert response.json()["error"]["message"] == "The service cannot do this at present: tool_choice."


def test_chat_goes_on_after_a_tool_call(activate: Callable, member: Caller) -> None:
    activate()
    call = {"id": "call_1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "When is high tide?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "at noon"},
    ]

    answer = member.post(URL, json={"model": "default", "messages": messages, "tools": [TOOL]})

    assert answer.status_code == 200, answer.text
