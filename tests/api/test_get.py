from __future__ import annotations

from collections.abc import Callable

import pytest

from generation.models import GenerationJob
from tests.api.callers import Caller

URL = "/api/v1/generations"


def test_get_shows_the_result_and_usage_of_a_completed_generation(
    member: Caller, activate: Callable[..., object], runner: None
) -> None:
    activate(options={"text": "Ebb and flow."})
    waited = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=20"})

    body = member.get(waited.headers["Location"]).json()

    assert body["status"] == "completed"
    assert body["result"] == {
        "text": "Ebb and flow.",
        "data": None,
        "tool_calls": [],
        "finish_reason": "stop",
    }
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert body["error"] is None
    assert body["created_at"] < body["started_at"] < body["finished_at"] == body["meta"]["timestamp"]


@pytest.mark.parametrize(
    ("option", "code", "type_"),
    [("bad_answer", "backend_error", "api_error"), ("timeout", "backend_timeout", "api_error")],
)
def test_get_shows_why_a_generation_failed_in_neutral_words(
    member: Caller, activate: Callable[..., object], runner: None, option: str, code: str, type_: str
) -> None:
    activate(options={"fail": option}, max_retries=0)
    waited = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=20"})

    body = member.get(waited.headers["Location"]).json()

    assert body["status"] == "failed"
    assert body["result"] is None
    assert body["error"]["code"] == code
    assert body["error"]["type"] == type_
    assert list(body["error"]) == ["code", "message", "type", "param"]


def test_get_hides_the_text_so_far_until_the_generation_is_completed(member: Caller) -> None:
    path = member.submit()
    GenerationJob.objects.update(status="in_progress", text="Ebb")

    assert member.get(path).json()["result"] is None


def test_get_numbers_tool_calls_itself(member: Caller) -> None:
    path = member.submit()
    calls = [{"id": f"toolu_{n}", "name": "tide", "arguments": "{}"} for n in range(2)]
    GenerationJob.objects.update(status="completed", finish_reason="tool_calls", tool_calls=calls)

    result = member.get(path).json()["result"]

    assert [call["id"] for call in result["tool_calls"]] == ["call_1", "call_2"]


def test_owner_and_manager_see_a_generation_and_a_stranger_does_not(
    member: Caller, manager: Caller, stranger: Caller
) -> None:
    path = member.submit()

    assert member.get(path).status_code == 200
    assert manager.get(path).json() == member.get(path).json()
    refused = stranger.get(path)
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "not_found"


def test_key_that_may_only_generate_can_poll_its_own_generation(call_as: Callable[..., Caller]) -> None:
    caller = call_as("generate")

    assert caller.get(caller.submit()).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["00000000-0000-7000-8000-000000000000", "1", "nonsense", "%00", "%ff", "x" * 3000, "{braces}"],
)
def test_get_of_an_unknown_id_is_answered_like_a_strangers(
    member: Caller, stranger: Caller, path: str
) -> None:
    unknown = member.get(f"{URL}/{path}")
    foreign = stranger.get(member.submit())

    assert unknown.status_code == foreign.status_code == 404
    assert unknown.json() == foreign.json()
