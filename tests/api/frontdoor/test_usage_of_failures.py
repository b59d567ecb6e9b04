"""The records of requests that failed or were refused, and of what leaves none."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from apikeys.models import ApiKey
from llmbackends.secret import Secret
from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL
from tests.api.frontdoor.usage_support import (
    COUNTED,
    ROUTES,
    STREAMING,
    Activate,
    answering_config,
    ending,
    record_of,
    tokens,
)
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault
from usage.entries import Outcome
from usage.models import UsageRecord

NOBODY = (None, "", "", "")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (faults.answer(500, {"error": {"message": "crashed"}}), "backend_error"),
        (faults.answer(503, {"error": {"message": "loading"}}), "backend_unavailable"),
        (faults.answer(400, {"error": {"message": "x", "code": "context_length_exceeded"}}),
         "context_length_exceeded"),
        (faults.close_before_answer, None),
    ],
)  # fmt: skip
def test_failure_before_the_first_token_is_recorded_without_tokens(
    activate: Activate, member: Caller, answer: Fault, code: str | None, stream: bool
) -> None:
    with upstream.running(answer) as service:
        config = activate("vllm", name="House", endpoint_url=service.url, max_retries=0)
        response = member.post(URL, json={**HELLO, "stream": stream})

    record = record_of(member)
    assert ending(record) == (Outcome.FAILED, code or response.json()["error"]["code"])
    assert (tokens(record), record.first_token_s, record.is_streamed) == ((0, 0, False), None, stream)
    assert answering_config(record) == (config.pk, "House", "vllm", "dummy")


@pytest.mark.parametrize("url", STREAMING)
def test_failure_within_a_stream_is_recorded_with_what_came(
    activate: Activate, member: Caller, url: str
) -> None:
    route, body = ROUTES[url]
    activate(options={"text": "The tide comes in.", "fail": "cut"})

    response = member.post(url, json={**body, "stream": True})

    record = record_of(member)
    assert (response.status_code, record.route) == (200, route)
    assert ending(record) == (Outcome.FAILED, "backend_error")
    assert tokens(record) == (2, 2, True)
    assert record.first_token_s is not None


def test_request_that_no_configuration_could_answer_is_recorded_as_failed(
    activate: Activate, member: Caller
) -> None:
    activate("anthropic", api_key=Secret("not of their form"))

    assert member.post(URL, json=HELLO).status_code == 503

    record = record_of(member)
    assert ending(record) == (Outcome.FAILED, "backend_unavailable")
    assert (tokens(record), answering_config(record)) == ((0, 0, False), NOBODY)


@pytest.mark.parametrize("url", ROUTES)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "invalid_request"),
        (b'{"model": "default"}', "invalid_request"),
        (None, "model_not_found"),
    ],
)
def test_request_that_was_not_valid_is_recorded_as_refused(
    activate: Activate, member: Caller, url: str, content: bytes | None, code: str
) -> None:
    activate()
    route, body = ROUTES[url]

    response = member.post(url, content=content or json.dumps({**body, "model": "gpt-4o"}))

    record = record_of(member)
    assert (record.route, ending(record)) == (route, (Outcome.REFUSED, code))
    assert record.request_id == response.headers["x-request-id"]
    assert (tokens(record), answering_config(record)) == ((0, 0, False), NOBODY)


def test_body_that_could_not_be_unpacked_is_recorded_as_refused(member: Caller) -> None:
    member.post(URL, content=b"not gzip", headers={"Content-Encoding": "gzip"})

    assert ending(record_of(member)) == (Outcome.REFUSED, "invalid_request")


@pytest.mark.parametrize("url", ROUTES)
def test_key_without_the_scope_is_recorded_as_refused(call_as: Callable[..., Caller], url: str) -> None:
    reader = call_as("read")

    reader.post(url, json=ROUTES[url][1])

    record = record_of(reader)
    assert (record.route, ending(record)) == (ROUTES[url][0], (Outcome.REFUSED, "permission_denied"))
    assert (tokens(record), answering_config(record)) == ((0, 0, False), NOBODY)


def test_request_above_a_limit_is_recorded_as_refused(activate: Activate, member: Caller) -> None:
    ApiKey.objects.filter(pk=member.key.pk).update(concurrent_requests=1)
    with upstream.running(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)
        with member.stream("POST", URL, json={**HELLO, "stream": True}):
            assert member.post(URL, json=HELLO).status_code == 429
            record = record_of(member)  # that of the stream comes when it ends

    assert ending(record) == (Outcome.REFUSED, "rate_limit_exceeded")
    assert (tokens(record), answering_config(record)) == ((0, 0, False), NOBODY)


def test_request_that_the_model_cannot_take_is_recorded_as_refused(
    activate: Activate, member: Caller
) -> None:
    with upstream.running(COUNTED) as service:
        activate("anthropic", endpoint_url=service.url, api_key=Secret("sk-ant-key"))
        response = member.post("/v1/embeddings", json=ROUTES["/v1/embeddings"][1])

    record = record_of(member)
    assert service.requests == []
    assert ending(record) == (Outcome.REFUSED, response.json()["error"]["code"])
    assert tokens(record) == (0, 0, False)


@pytest.mark.parametrize("secret", ["nonsense", "co_AAAAAAAA_" + "A" * 43])
def test_unknown_key_leaves_no_record(anonymous: httpx.Client, member: Caller, secret: str) -> None:
    refused = anonymous.post(URL, json=HELLO, headers={"Authorization": f"Bearer {secret}"})
    member.post(URL, content=b"{")

    assert refused.status_code == 401
    assert record_of(member).request_id != refused.headers["x-request-id"]
    assert not UsageRecord.objects.filter(request_id=refused.headers["x-request-id"]).exists()


def test_look_at_the_models_leaves_no_record(member: Caller) -> None:
    looked = member.get("/v1/models")
    member.post(URL, content=b"{")

    assert looked.status_code == 200
    assert record_of(member).request_id != looked.headers["x-request-id"]
