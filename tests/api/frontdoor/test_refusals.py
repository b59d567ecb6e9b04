from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.callers import Caller
from tests.api.frontdoor.chat import HELLO, TOOL, URL

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}


def user(content: Any) -> dict[str, Any]:
    return {"model": "default", "messages": [{"role": "user", "content": content}]}


def error_of(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "type", "param"}
    return error


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({**HELLO, "messages": []}, "messages", "length >= 1"),
        ({"model": "default"}, "messages", "is missing"),
        ({"messages": HELLO["messages"]}, "model", "is missing"),
        ({**HELLO, "temperature": "hot"}, "temperature", "float"),
        ({**HELLO, "temperature": 3}, "temperature", "<= 2"),
        ({**HELLO, "n": 9}, "n", "<= 8"),
        ({**HELLO, "stream": "yes"}, "stream", "bool"),
        ({**HELLO, "stream_options": {}}, "stream_options", "stream: true"),
        ({**HELLO, "top_logprobs": 2}, "top_logprobs", "logprobs: true"),
        ({**HELLO, "tool_choice": "required"}, "tool_choice", "needs tools"),
        (
            {**HELLO, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}},
            "tool_choice",
            "not among the tools",
        ),
        ({"model": "default", "messages": [{"role": "robot", "content": ""}]}, "messages[0].role", "robot"),
        ({"model": "default", "messages": [{"role": "user"}]}, "messages[0].content", "no content"),
        (
            {"model": "default", "messages": [{"role": "tool", "content": "1"}]},
            "messages[0].tool_call_id",
            "call",
        ),
        (user([IMAGE]), "messages[0].content[0].image_url.url", "not fetched"),
        (user([{"type": "input_audio"}]), "messages[0].content[0].type", "input_audio"),
        (
            user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,é"}}]),
            "messages[0].content[0].image_url.url",
            "image",
        ),
        ({**HELLO, "functions": [TOOL["function"]]}, "functions", "Use tools."),
        ({**HELLO, "function_call": "auto"}, "function_call", "Use tools"),
        ({**HELLO, "modalities": ["text", "audio"]}, "modalities[1]", "audio"),
        ({**HELLO, "audio": {"voice": "alloy"}}, "audio", "not available"),
        (user("x " * 10) | {"messages": [HELLO["messages"][0]] * 2001}, "messages", "length <= 2000"),
    ],
)
def test_request_that_is_not_valid_is_told_what_is_wrong(
    member: Caller, body: dict[str, Any], param: str, said: str
) -> None:
    response = member.post(URL, json=body)

    error = error_of(response)
    assert (response.status_code, error["code"], error["type"]) == (
        400,
        "invalid_request",
        "invalid_request_error",
    )
    assert error["param"] == param
    assert said in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "default", "messages": [{"role": "r" * 1_000_000, "content": ""}]},
        {**HELLO, "response_format": {"type": "t" * 1_000_000}},
    ],
)
def test_refusal_does_not_repeat_a_long_value(member: Caller, body: dict[str, Any]) -> None:
    response = member.post(URL, json=body)

    assert response.status_code == 400
    assert len(error_of(response)["message"]) <= 300


def test_fields_that_say_nothing_new_are_taken(activate: Callable, member: Caller) -> None:
    activate()

    body = {**HELLO, "functions": None, "modalities": ["text"], "parallel_tool_calls": False}

    assert member.post(URL, json=body).status_code == 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "needs a body"),
        (b"{", "not valid JSON"),
        (b"[]", "not valid"),
        (b"prompt=Hello", "not valid JSON"),
        (b'{"model": "\xff"}', "not valid JSON"),
        (b'{"model": NaN}', "not valid JSON"),
        (b'{"x": ' + b"[" * 65 + b"]" * 65 + b"}", "64 levels"),
        (b'{"x": ' + b'[{"y": ' * 33 + b"1" + b"}]" * 33 + b"}", "64 levels"),
        (b'{"x": [' + b"1," * 400_001 + b"1]}", "too many values"),
    ],
)
def test_body_that_is_not_the_expected_json_is_refused(member: Caller, content: bytes, said: str) -> None:
    response = member.post(URL, content=content)

    assert response.status_code == 400
    assert said in error_of(response)["message"]


def test_brackets_within_a_text_are_no_depth(activate: Callable, member: Caller) -> None:
    activate()

    assert member.post(URL, json=user("[" * 1000)).status_code == 200


def test_many_values_side_by_side_are_no_depth(activate: Callable, member: Caller) -> None:
    activate()

    assert member.post(URL, json={**HELLO, "x": [[{}] for _ in range(1000)]}).status_code == 200


def test_unknown_alias_is_404(member: Caller) -> None:
    response = member.post(URL, json={**HELLO, "model": "gpt-4o"})

    assert (response.status_code, error_of(response)["code"]) == (404, "model_not_found")
    assert '"default"' in error_of(response)["message"]


def test_alias_can_be_renamed(settings: Any, activate: Callable, member: Caller) -> None:
    settings.API_MODEL_ALIAS = "house"
    activate()

    assert member.post(URL, json={**HELLO, "model": "house"}).json()["model"] == "house"
    assert member.get("/v1/models").json()["data"][0]["id"] == "house"
    assert member.post(URL, json=HELLO).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"x-api-key": "nonsense"}])
def test_request_without_a_known_key_is_401(anonymous: httpx.Client, headers: dict[str, str]) -> None:
    response = anonymous.post(URL, json=HELLO, headers=headers)

    assert (response.status_code, error_of(response)["code"]) == (401, "invalid_api_key")
    assert response.headers["www-authenticate"] == "Bearer"


def test_key_without_the_scope_is_403(call_as: Callable[..., Caller]) -> None:
    response = call_as("read").post(URL, json=HELLO)

    assert (response.status_code, error_of(response)["code"]) == (403, "permission_denied")


def test_request_that_was_here_before_is_508(member: Caller) -> None:
    response = member.post(URL, json=HELLO, headers={"X-Changeover-Hop": "1"})

    assert (response.status_code, error_of(response)["code"]) == (508, "loop_detected")


def test_host_that_is_not_allowed_is_refused(member: Caller) -> None:
    response = member.post(URL, json=HELLO, headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert error_of(response)["param"] == "Host"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_method_is_405(member: Caller, method: str) -> None:
    response = member.request(method, URL)

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_unknown_address_is_404_in_the_same_form(member: Caller) -> None:
    response = member.post("/v1/chats", json=HELLO)

    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


def test_body_above_the_limit_is_413(settings: Any, member: Caller) -> None:
    settings.API_MAX_BODY_BYTES = 2000

    def parts() -> Any:
        yield b'{"x": "'
        yield b"y" * 3000
        yield b'"}'

    announced = member.post(URL, content=b'"' + b"x" * 3000 + b'"')
    unannounced = member.post(URL, content=parts())

    assert [response.status_code for response in (announced, unannounced)] == [413, 413]
    assert error_of(announced)["code"] == error_of(unannounced)["code"] == "request_too_large"


def test_compressed_body_is_read(activate: Callable, member: Caller) -> None:
    activate()

    packed = gzip.compress(json.dumps(HELLO).encode())

    assert member.post(URL, content=packed, headers={"Content-Encoding": "gzip"}).status_code == 200


def test_compressed_body_is_limited_by_what_it_unpacks_to(settings: Any, member: Caller) -> None:
    settings.API_MAX_BODY_BYTES = 10_000
    packed = gzip.compress(b'"' + b"x" * 1_000_000 + b'"')

    response = member.post(URL, content=packed, headers={"Content-Encoding": "gzip"})

    assert len(packed) < 10_000
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("gzip", b"not gzip"), ("gzip", gzip.compress(b"{}", mtime=0)[:-4]), ("br", b"x")],
)
def test_body_that_cannot_be_unpacked_is_refused(member: Caller, encoding: str, content: bytes) -> None:
    response = member.post(URL, content=content, headers={"Content-Encoding": encoding})

    assert response.status_code == 400
    assert error_of(response)["param"] == "Content-Encoding"
