"""Each wrong body is refused with the name of the wrong field; nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generation.models import GenerationJob
from tests.api.callers import InProcessCaller

URL = "/api/v1/generations"
JSON = {"Content-Type": "application/json"}


def refusal(
    quick_member: InProcessCaller, content: bytes | str, headers: dict[str, str] = JSON
) -> dict[str, Any]:
    response = quick_member.post(URL, content=content, headers=headers)
    assert response.status_code == 422, response.text
    assert not GenerationJob.objects.exists()
    error = response.json()["error"]
    assert error["code"] == "invalid_request"
    assert error["type"] == "invalid_request_error"
    assert error["message"].endswith(".")
    return error


def user(content: str) -> str:
    return message("user", content)


def message(role: str, content: str) -> str:
    return f'{{"messages": [{{"role": "{role}", "content": {content}}}]}}'


def image(url: str) -> str:
    return json.dumps({"type": "image_url", "image_url": {"url": url}})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "needs a body"),
        (b" ", "not valid JSON"),
        (b"null", "JSON object"),
        (b"[]", "JSON object"),
        (b'"text"', "JSON object"),
        (b"{", "line 1, column 2"),
        (b'{"prompt": "a"} x', "not valid JSON"),
        (b"{'prompt': 'a'}", "not valid JSON"),
        (b'\xef\xbb\xbf{"prompt": "a"}', "not valid JSON"),
        (b'{"prompt": "\xff"}', "not UTF-8"),
        ('{"prompt": "a"}'.encode("utf-16"), "not UTF-8"),
        (b'{"priority": NaN}', "NaN"),
        (b'{"priority": -Infinity}', "-Infinity"),
        (b'{"priority": 1e999}', "too large"),
        (b'{"priority": ' + b"9" * 10_000 + b"}", "digits"),
        (b"[" * 300_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" + b"[]," * 1_000_000 + b"[]]", "too many values"),
        (b'["' + rb"\"" * 1_000_000, "not valid JSON"),
    ],
)
def test_body_that_is_no_json_object_is_refused(
    quick_member: InProcessCaller, content: bytes, says: str
) -> None:
    error = refusal(quick_member, content)

    assert says in error["message"]
    assert error["param"] is None


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ('{"prompt": "a", "prompt": "b"}', "prompt"),
        ('{"prompt": "a", "metadata": {"k": "1", "k": "2"}}', "k"),
        ('{"prompt": "a", "model": "x"}', "model"),
        ('{"prompt": "a", "temperature": 0.5}', "temperature"),
        ('{"prompt": "a", "%s": 1}' % ("n" * 300), "n" * 100),
        ("{}", "prompt"),
        ('{"prompt": null}', "prompt"),
        ('{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}', "prompt"),
        ('{"prompt": ""}', "prompt"),
        ('{"prompt": 7}', "prompt"),
        ('{"prompt": ["a"]}', "prompt"),
        (r'{"prompt": "a\u0000b"}', "prompt"),
        (r'{"prompt": "\ud83d"}', "prompt"),
        (r'{"prompt": "\ude00\ud83d"}', "prompt"),
        ('{"messages": []}', "messages"),
        ('{"messages": {}}', "messages"),
        ('{"messages": "hello"}', "messages"),
        (json.dumps({"messages": [{"role": "user", "content": "a"}] * 1001}), "messages"),
        ('{"messages": ["a"]}', "messages[0]"),
        ('{"messages": [{"role": "user", "content": "a"}, {"role": "user"}]}', "messages[1].content"),
        ('{"messages": [{"content": "a"}]}', "messages[0].role"),
        ('{"messages": [{"role": "tool", "content": "a"}]}', "messages[0].role"),
        ('{"messages": [{"role": "user", "content": "a", "name": "b"}]}', "messages[0].name"),
        (user("null"), "messages[0].content"),
        (user("7"), "messages[0].content"),
        (user('""'), "messages[0].content"),
        (user("[]"), "messages[0].content"),
        (user(r'"\u0000"'), "messages[0].content"),
        (user('["a"]'), "messages[0].content[0]"),
        (user('[{"type": "audio"}]'), "messages[0].content[0]"),
        (user('[{"type": []}]'), "messages[0].content[0]"),
        (user('[{"text": "a"}]'), "messages[0].content[0]"),
        (user('[{"type": "text"}]'), "messages[0].content[0].text"),
        (user('[{"type": "text", "text": ""}]'), "messages[0].content[0].text"),
        (user('[{"type": "text", "text": "a"}, {"type": "text", "text": 1}]'), "messages[0].content[1].text"),
        (user('[{"type": "image_url", "image_url": "data:"}]'), "messages[0].content[0].image_url"),
        (user(json.dumps([{"type": "text", "text": "a"}] * 101)), "messages[0].content"),
        ('{"prompt": "a", "priority": 0}', "priority"),
        ('{"prompt": "a", "priority": 6}', "priority"),
        ('{"prompt": "a", "priority": 99999999999999999999}', "priority"),
        ('{"prompt": "a", "priority": 3.5}', "priority"),
        ('{"prompt": "a", "priority": "3"}', "priority"),
        ('{"prompt": "a", "priority": true}', "priority"),
        ('{"prompt": "a", "priority": null}', "priority"),
        ('{"prompt": "a", "generator": "text-v9"}', "generator"),
        (r'{"prompt": "a", "generator": "\u0000"}', "generator"),
        ('{"prompt": "a", "generator": 1}', "generator"),
        ('{"prompt": "a", "metadata": []}', "metadata"),
        ('{"prompt": "a", "metadata": null}', "metadata"),
        ('{"prompt": "a", "metadata": {"k": 1}}', "metadata.k"),
        ('{"prompt": "a", "metadata": {"k": {"deep": "b"}}}', "metadata.k"),
        ('{"prompt": "a", "metadata": {"k": "%s"}}' % ("x" * 513), "metadata.k"),
        ('{"prompt": "a", "metadata": {"%s": "x"}}' % ("k" * 65), "metadata." + "k" * 65),
        (r'{"prompt": "a", "metadata": {"k": "\u0000"}}', "metadata.k"),
        (r'{"prompt": "a", "metadata": {"": "x"}}', "metadata."),
    ],
)
def test_wrong_field_is_named(quick_member: InProcessCaller, content: str, param: str) -> None:
    assert refusal(quick_member, content)["param"] == param


def test_too_many_metadata_are_refused(quick_member: InProcessCaller) -> None:
    metadata = {str(number): "" for number in range(17)}

    assert refusal(quick_member, json.dumps({"prompt": "a", "metadata": metadata}))["param"] == "metadata"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/cat.png",
        "file:///etc/passwd",
        "data:text/html;base64,PGI+",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:image/png;base64,",
        "data:image/png;base64,%%%",
        "data:image/png;base64,abc",
        "data:image/png,abcd",
        "",
    ],
)
def test_image_must_be_a_data_url(quick_member: InProcessCaller, url: str) -> None:
    error = refusal(quick_member, user(f"[{image(url)}]"))

    assert error["param"] == "messages[0].content[0].image_url.url"
    assert "data:image/png;base64," in error["message"]


def test_images_come_from_the_user_only(quick_member: InProcessCaller) -> None:
    error = refusal(quick_member, message("system", f"[{image('data:image/png;base64,aGk=')}]"))

    assert error["param"] == "messages[0]"
    assert "role user" in error["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
def test_body_of_another_content_type_is_refused(
    quick_member: InProcessCaller, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    error = refusal(quick_member, b'{"prompt": "a"}', headers)

    assert error["param"] == "Content-Type"
    assert "application/json" in error["message"]


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=-1", "wait=1.5", "wait=", 'wait="x"'])
def test_wait_that_is_no_number_is_refused(quick_member: InProcessCaller, prefer: str) -> None:
    error = refusal(quick_member, '{"prompt": "a"}', JSON | {"Prefer": prefer})

    assert error["param"] == "Prefer"


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel"])
def test_idempotency_key_out_of_bounds_is_refused(quick_member: InProcessCaller, key: str) -> None:
    error = refusal(quick_member, '{"prompt": "a"}', JSON | {"Idempotency-Key": key.encode("latin-1")})

    assert error["param"] == "Idempotency-Key"
