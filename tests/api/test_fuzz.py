"""Whatever a client sends, the answer is 202 or an error in form, and never 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from generation.models import GenerationJob
from tests.api.callers import Caller

URL = "/api/v1/generations"
thorough = settings(
    max_examples=150,
    deadline=None,
    # The same server and caller for all examples: what one leaves behind must not matter to the next.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

texts = st.text(st.characters(), max_size=40)  # lone surrogates and NUL among them
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects that have some of the fields, of the right form or not, and sometimes another one."""
    some = st.fixed_dictionaries({}, optional={name: form | values for name, form in fields.items()})
    return st.builds(dict.__or__, some, st.just({}) | st.dictionaries(texts, values, max_size=1))


parts = objects(
    type=st.sampled_from(["text", "image_url"]),
    text=texts,
    image_url=objects(
        url=texts | st.binary(max_size=9).map(lambda data: f"data:image/png;base64,{data.hex()}")
    ),
)
messages = objects(
    role=st.sampled_from(["system", "user", "assistant"]), content=texts | st.lists(parts, max_size=3)
)
submissions = objects(
    prompt=texts,
    messages=st.lists(messages, max_size=3),
    generator=st.just("text-v1"),
    priority=st.integers(0, 6),
    metadata=st.dictionaries(texts, texts, max_size=3),
)


def submit(member: Caller, content: bytes, **headers: bytes) -> None:
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    response = member.post(
        URL, content=content, headers={"content-type": b"application/json", **given_headers}
    )
    assert response.status_code in (202, 422), response.text
    assert_in_form(response.status_code, response.json())


def assert_in_form(status: int, body: Any) -> None:
    expected = "generation" if status < 300 else None
    assert body.get("object") == expected
    assert expected or list(body["error"]) == ["code", "message", "type", "param"]
    assert expected or body["error"]["message"].endswith(".")


@thorough
@given(submission=submissions)
@example(submission={"prompt": "Hello"})
@example(submission={"prompt": "Hello", "metadata": {"\x00": ""}})
def test_submission_of_any_shape_is_answered_in_form(member: Caller, submission: Any) -> None:
    submit(member, json.dumps(submission).encode())


legal_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
legal_submissions = st.fixed_dictionaries(
    {"prompt": legal_texts},
    optional={
        "priority": st.integers(1, 5),
        "metadata": st.dictionaries(
            legal_texts.filter(lambda name: len(name) <= 64), legal_texts, max_size=16
        ),
    },
)


@thorough
@given(submission=legal_submissions, escaped=st.booleans())
def test_every_legal_text_is_stored_as_it_is(member: Caller, submission: Any, escaped: bool) -> None:
    content = json.dumps(submission, ensure_ascii=escaped).encode()

    response = member.post(URL, content=content, headers={"content-type": "application/json"})

    assert response.status_code == 202, response.text
    job = GenerationJob.objects.get(pk=response.json()["id"])
    assert job.request == {"prompt": submission["prompt"]}
    assert response.json()["metadata"] == job.metadata == submission.get("metadata", {})


@thorough
@given(value=values)
def test_json_of_any_shape_is_answered_in_form(member: Caller, value: Any) -> None:
    submit(member, json.dumps(value).encode())


@thorough
@given(content=st.binary(max_size=200) | st.binary(max_size=20).map(lambda tail: b'{"prompt": "a' + tail))
def test_bytes_of_any_kind_are_answered_in_form(member: Caller, content: bytes) -> None:
    submit(member, content)


header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")).map(
    lambda text: text.strip().encode("latin-1")
)


@thorough
@given(
    prefer=header_values.map(lambda value: value.replace(b"wait", b"")),
    key=header_values,
    request_id=header_values,
)
def test_headers_of_any_kind_are_answered_in_form(
    member: Caller, prefer: bytes, key: bytes, request_id: bytes
) -> None:
    submit(member, b'{"prompt": "a"}', prefer=prefer, idempotency_key=key, x_request_id=request_id)


@thorough
@given(key=header_values, authorization=header_values)
def test_keys_of_any_kind_are_refused_in_form(anonymous: Caller, key: bytes, authorization: bytes) -> None:
    response = anonymous.get(URL, headers={"x-api-key": key, "authorization": authorization})

    assert response.status_code == 401
    assert_in_form(401, response.json())


@thorough
@given(
    parameters=st.dictionaries(st.sampled_from(["status", "cursor", "limit"]) | texts, texts, max_size=3).map(
        lambda pairs: "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs.items())
    )
)
def test_parameters_of_any_kind_are_answered_in_form(member: Caller, parameters: str) -> None:
    response = member.get(f"{URL}?{parameters}")

    assert response.status_code in (200, 422), response.text


@thorough
@given(generation_id=texts.filter(lambda text: text not in ("", ".", "..")))
def test_ids_of_any_kind_are_not_found(member: Caller, generation_id: str) -> None:
    for path in (f"{URL}/{_quoted(generation_id)}", f"{URL}/{_quoted(generation_id)}/events"):
        response = member.get(path)

        assert response.status_code == 404
        assert_in_form(404, response.json())


def _quoted(text: str) -> str:
    return quote(text.encode(errors="surrogatepass"), safe="")
