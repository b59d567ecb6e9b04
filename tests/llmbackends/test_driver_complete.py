"""A plain answer over HTTP: what is sent, what comes back, and each way in which it can fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from llmbackends.errors import (
    AuthenticationFailed,
    BackendError,
    BackendFailed,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    ConfigurationError,
    ConnectionLost,
    ModelNotFound,
    RateLimited,
    RequestError,
    UnsupportedFeature,
)
from llmbackends.outgoing import join_url
from llmbackends.secret import Secret
from llmbackends.types import ChatResult, ImagePart, Message, Sampling, Tool
from tests.asyncio_support import run_async

from . import faults
from .backends import HELLO, backend_with
from .fault_server import Fault, FaultServer, wait_until
from .provider_servers import SERVICES, TEXT, openai

KEY = "sk-a-key-that-nobody-may-see"
NO_WAIT: dict[str, Any] = {"retry_after": "0"}
CHECK_HEADERS = ("authorization", "x-api-key", "anthropic-version")


async def complete(*answers: Fault, **changes: Any) -> tuple[ChatResult, FaultServer]:
    async with backend_with(*answers, **changes) as (backend, server):
        return await backend.complete(HELLO), server


async def failure(*answers: Fault, **changes: Any) -> tuple[BackendError, FaultServer]:
    async with backend_with(*answers, **changes) as (backend, server):
        with pytest.raises(BackendError) as caught:
            await backend.complete(HELLO)
        return caught.value, server


# What is sent


def test_complete_sends_request_over_the_spec_defaults() -> None:
    defaults = Sampling(temperature=0.5, max_tokens=99)

    _, server = run_async(complete(openai, sampling=defaults))

    body = server.requests[0].json()
    assert (body["temperature"], body["max_tokens"]) == (0.5, 16)


@pytest.mark.parametrize(
    ("provider_id", "expected"),
    [
        ("openai", {"authorization": f"Bearer {SERVICES['openai'].key}"}),
        ("anthropic", {"x-api-key": SERVICES["anthropic"].key, "anthropic-version": "2023-06-01"}),
        ("ollama", {}),
    ],
)
def test_complete_sends_the_providers_headers(provider_id: str, expected: dict[str, str]) -> None:
    _, server = run_async(complete(SERVICES[provider_id].play, provider_id=provider_id))

    headers = server.requests[0].headers
    assert {name: headers[name] for name in CHECK_HEADERS if name in headers} == expected
    assert headers["x-changeover-hop"] == "1"
    assert headers["content-type"] == "application/json"


def test_headers_of_the_row_are_sent_and_the_key_wins_over_them() -> None:
    options = {**SERVICES["http-generic"].options, "headers": {"X-Tenant": "t1", "Authorization": "row"}}

    _, server = run_async(
        complete(
            SERVICES["http-generic"].play, provider_id="http-generic", options=options, api_key=Secret(KEY)
        )
    )

    headers = server.requests[0].headers
    assert (headers["x-tenant"], headers["authorization"]) == ("t1", f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("endpoint", "path", "url"),
    [
        ("http://h:1", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/v1", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/v1/", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/v1", "/models", "http://h:1/v1/models"),
        ("http://h:1/v1", "/v1beta", "http://h:1/v1/v1beta"),
        ("http://h:1/api", "ask?x=1", "http://h:1/api/ask?x=1"),
        ("http://h:1/api", "", "http://h:1/api"),
        ("http://h:1", "@elsewhere", "http://h:1/@elsewhere"),
    ],
)
def test_endpoint_and_path_are_joined_without_doubling(endpoint: str, path: str, url: str) -> None:
    assert join_url(endpoint, path) == url


def test_generate_takes_the_prompt_route_where_there_is_one() -> None:
    async def scenario(provider_id: str) -> tuple[str, str]:
        async with backend_with(SERVICES[provider_id].play, provider_id=provider_id) as (backend, server):
            return await backend.generate("Hello"), server.requests[0].path

    assert run_async(scenario("ollama")) == (TEXT, "/api/generate")
    assert run_async(scenario("llama-cpp")) == (TEXT, "/v1/completions")
    assert run_async(scenario("groq")) == (TEXT, "/chat/completions")


@pytest.mark.parametrize(
    ("provider_id", "change", "lacking"),
    [
        ("http-generic", {"tools": (Tool("add"),)}, "tools"),
        ("http-generic", {"messages": (Message("user", (ImagePart("aa==", "image/png"),)),)}, "images"),
        ("openai", {"sampling": Sampling(top_k=3, repeat_penalty=1.1)}, "repeat_penalty, top_k"),
        ("anthropic", {"sampling": Sampling(seed=1)}, "seed"),
    ],
)
def test_what_the_provider_lacks_is_refused_before_anything_is_sent(
    provider_id: str, change: dict[str, Any], lacking: str
) -> None:
    async def scenario() -> int:
        async with backend_with(openai, provider_id=provider_id) as (backend, server):
            with pytest.raises(UnsupportedFeature, match=lacking):
                await backend.complete(replace(HELLO, **change))
            with pytest.raises(UnsupportedFeature, match=lacking):
                async with backend.stream(replace(HELLO, **change)):
                    pass
            return len(server.connections)

    assert run_async(scenario()) == 0


def test_request_that_is_no_json_is_refused_before_anything_is_sent() -> None:
    request = replace(HELLO, sampling=Sampling(temperature=float("nan")))

    async def scenario() -> int:
        async with backend_with(openai) as (backend, server):
            with pytest.raises(RequestError):
                await backend.complete(request)
            return len(server.connections)

    assert run_async(scenario()) == 0


# Error answers


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (302, ConfigurationError),
        (400, RequestError),
        (401, AuthenticationFailed),
        (403, AuthenticationFailed),
        (404, ModelNotFound),
        (429, RateLimited),
        (500, BackendFailed),
        (503, BackendUnavailable),
        (529, BackendUnavailable),
    ],
)
def test_error_status_becomes_the_error_it_deserves(status: int, expected: type[BackendError]) -> None:
    error, server = run_async(failure(faults.answer(status, {"error": {"message": "told so"}})))

    assert type(error) is expected
    assert error.status_code == status
    assert len(server.requests) == 1


def test_error_tells_what_the_service_said() -> None:
    error, _ = run_async(failure(faults.answer(500, {"error": {"message": "out of memory"}})))

    assert "out of memory" in error.message


def test_error_in_no_known_form_shows_its_beginning() -> None:
    error, _ = run_async(failure(faults.answer(500, b"<h1>Bad\n Gateway</h1>" + b"x" * 100_000)))

    assert "<h1>Bad Gateway</h1>" in error.message
    assert len(error.message) < 500


def test_redirect_says_where_to() -> None:
    error, server = run_async(failure(faults.answer(301, {}, location="https://elsewhere/v1")))

    assert "https://elsewhere/v1" in error.message
    assert not error.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_error_keeps_retry_after(status: int) -> None:
    error, _ = run_async(failure(faults.answer(status, {}, retry_after="7")))

    assert error.retry_after_s == 7.0


def test_retry_after_counts_on_no_other_status() -> None:
    error, _ = run_async(failure(faults.answer(404, {}, retry_after="7")))

    assert error.retry_after_s is None


@pytest.mark.parametrize(
    "fault",
    [
        faults.answer(200, b""),
        faults.answer(200, b"not json"),
        faults.answer(200, b'{"choices": [{"message"'),
        faults.answer(200, []),
        faults.answer(200, {"choices": []}),
        faults.answer(200, {"choices": [{"message": 5}]}),
        faults.answer(200, b"[" * 100_000),
    ],
    ids=["empty", "no-json", "cut-json", "list", "no-choice", "wrong-type", "too-deep"],
)
def test_unusable_success_is_a_bad_answer(fault: Fault) -> None:
    error, server = run_async(failure(fault, max_retries=2))

    assert type(error) is BadAnswer
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "leak",
    [{"error": {"message": f"Wrong key: {KEY}"}}, KEY.encode(), b"x" * 190 + KEY.encode()],
    ids=["told", "bare", "at-the-cut"],
)
def test_key_that_the_service_repeats_is_masked(leak: Any) -> None:
    error, _ = run_async(failure(faults.answer(401, leak), api_key=Secret(KEY)))

    assert KEY[:8] not in error.message + repr(error) + repr(error.details)


def test_key_that_the_service_repeats_in_a_success_is_masked_though_it_is_cut() -> None:
    leak = b"x" * 180 + KEY.encode()

    error, _ = run_async(failure(faults.answer(200, leak), api_key=Secret(KEY)))

    assert type(error) is BadAnswer
    assert KEY[:8] not in error.message


# Trying again


def test_complete_is_tried_again_after_overload() -> None:
    busy = faults.answer(503, {"error": {"message": "loading"}}, **NO_WAIT)
    limited = faults.answer(429, {}, **NO_WAIT)

    result, server = run_async(complete(busy, limited, openai, max_retries=2))

    assert result.text == TEXT
    assert len(server.requests) == 3


def test_complete_gives_up_after_its_retries() -> None:
    error, server = run_async(failure(faults.answer(529, {}, **NO_WAIT), max_retries=1))

    assert type(error) is BackendUnavailable
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "fault", [faults.close_before_answer, faults.reset_before_answer, faults.half_body, faults.answer(401)]
)
def test_complete_is_not_tried_again_when_it_may_have_been_processed_or_is_hopeless(fault: Fault) -> None:
    _, server = run_async(failure(fault, openai, max_retries=2))

    assert len(server.requests) == 1


def test_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    error, server = run_async(failure(faults.answer(429, {}, retry_after="60"), max_retries=2), timeout_s=5)

    assert type(error) is RateLimited
    assert error.retry_after_s == 60.0
    assert len(server.requests) == 1


def test_deadline_covers_all_attempts() -> None:
    error, server = run_async(
        failure(faults.answer(503, {}, **NO_WAIT), faults.silence, max_retries=2, timeout_s=1.0),
        timeout_s=5,
    )

    assert type(error) is BackendTimeout
    assert len(server.requests) == 2


# Cancelling and closing


def test_cancelling_closes_upstream_at_once() -> None:
    async def scenario() -> float:
        async with backend_with(faults.silence) as (backend, server):
            task = asyncio.ensure_future(backend.complete(HELLO))
            await wait_until(lambda: len(server.requests) == 1)
            cancelled_at = asyncio.get_running_loop().time()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            connection = server.connections[0]
            await wait_until(lambda: connection.closed_by_client_at is not None)
            return (connection.closed_by_client_at or 0) - cancelled_at

    assert run_async(scenario()) < 1


def test_connection_lost_after_headers_is_told_as_such() -> None:
    error, _ = run_async(failure(faults.reset_after_headers))

    assert type(error) is ConnectionLost


def test_backend_shows_no_key() -> None:
    async def scenario() -> str:
        async with backend_with(openai, api_key=Secret(KEY)) as (backend, _):
            return repr(backend) + str(backend) + repr(vars(backend))

    shown = run_async(scenario())

    assert "llama-cpp" in shown
    assert KEY not in shown
