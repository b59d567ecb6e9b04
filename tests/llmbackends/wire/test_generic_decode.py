"""Whole answers read by a row's paths."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import BackendError, BackendFailed, BadAnswer, RateLimited
from llmbackends.types import ChatResult, FinishReason, TokenUsage
from llmbackends.wire import WireError, generic_json

PATHS = {
    "text_path": "outputs.0.text",
    "prompt_tokens_path": "meta.in",
    "completion_tokens_path": "meta.out",
    "finish_reason_path": "outputs.0.why",
}


def decode(payload: Any, **options: Any) -> ChatResult:
    return generic_json.decode(payload, route="chat", options={"body": {}, **PATHS, **options})


def answer(text: Any = "Hi", why: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"outputs": [{"text": text, "why": why}], "meta": {"in": 5, "out": 2}, **more}


def test_answer_is_read_by_the_paths() -> None:
    assert decode(answer()) == ChatResult("Hi", FinishReason.STOP, usage=TokenUsage(5, 2))


def test_answer_may_be_a_list() -> None:
    payload = [{"generated_text": "Hi"}]
    options = {"body": {}, "text_path": "0.generated_text"}
    assert generic_json.decode(payload, route="chat", options=options) == ChatResult("Hi", FinishReason.STOP)


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("length", FinishReason.LENGTH),
        ("max_tokens", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("eos_token", FinishReason.STOP),
        (None, FinishReason.STOP),
    ],
)
def test_answer_maps_the_finish_reason(why: str | None, expected: FinishReason) -> None:
    assert decode(answer(why=why)).finish_reason is expected


def test_answer_with_one_of_the_two_counts_has_no_usage() -> None:
    assert decode(answer(meta={"in": 5})).usage is None


def test_answer_may_be_empty_where_the_service_says_why() -> None:
    assert decode(answer(text="", why="stop")).text == ""


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        {},
        {"outputs": []},
        {"outputs": {"0": {"text": None}}},
        answer(text=None),
        answer(text=7),
        answer(text=["Hi"]),
        answer(text="", why=None),
        answer(why=7),
        answer(meta={"in": "5", "out": 2}),
    ],
)
def test_answer_of_a_wrong_form_is_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        decode(payload)


def test_answer_without_text_says_where_it_was_sought() -> None:
    with pytest.raises(BadAnswer, match=r"text_path 'outputs.0.text'"):
        decode({"outputs": []})


@pytest.mark.parametrize(
    ("payload", "options", "expected"),
    [
        ({"error": {"message": "slow down", "code": 429}}, {}, RateLimited),
        ({"error": "boom"}, {}, BackendFailed),
        (answer(status={"problem": "boom"}), {"error_path": "status.problem"}, BackendFailed),
    ],
)
def test_answer_that_reports_an_error_raises_it(
    payload: Any, options: dict[str, str], expected: type[BackendError]
) -> None:
    with pytest.raises(BackendError) as caught:
        decode(payload, **options)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("payload", "options"),
    [
        (answer(error="none"), {}),
        (answer(error="none"), {"error_path": "status.problem"}),
        (answer(status={"problem": None}), {"error_path": "status.problem"}),
    ],
)
def test_answer_with_text_and_no_error_at_its_path_is_an_answer(
    payload: Any, options: dict[str, str]
) -> None:
    assert decode(payload, **options).text == "Hi"


def test_answer_with_an_error_path_is_not_searched_for_errors_elsewhere() -> None:
    with pytest.raises(BadAnswer, match="text_path"):
        decode({"error": "boom"}, error_path="status.problem")


@pytest.mark.parametrize(
    ("payload", "options", "expected"),
    [
        ({"fault": {"message": "no", "code": "E1"}}, {"error_path": "fault"}, WireError("no", "E1")),
        ({"fault": "no"}, {"error_path": "fault"}, WireError("no")),
        ({"error": "no"}, {"error_path": "fault"}, WireError("no")),
        ({"detail": "Not Found"}, {}, WireError("Not Found")),
        ({"reason": "no"}, {}, None),
        ([], {}, None),
    ],
)
def test_error_body_is_read_at_its_path_or_in_a_usual_form(
    payload: Any, options: dict[str, str], expected: WireError | None
) -> None:
    assert generic_json.decode_error(payload, options=options) == expected


@pytest.mark.parametrize(
    ("payload", "options", "expected"),
    [
        ({"data": [{"id": "b"}, {"id": "a"}]}, {}, ("a", "b")),
        (["b", "a"], {"model_names_path": "*"}, ("a", "b")),
        (["b", "a"], {"model_names_path": "0"}, ("b",)),
        ({"models": [{"name": "a"}, {}]}, {"model_names_path": "models.*.name"}, ("a",)),
    ],
)
def test_models_are_read_by_a_path_with_a_star(
    payload: Any, options: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert generic_json.decode_models(payload, options=options) == expected


@pytest.mark.parametrize("payload", [None, {}, {"data": []}, {"data": [{"id": 7}]}])
def test_models_of_a_wrong_form_are_bad(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        generic_json.decode_models(payload, options={})
