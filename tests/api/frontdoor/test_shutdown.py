from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from background.draining import draining
from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL
from tests.api.server import running_server
from tests.api.sse import events_in
from tests.llmbackends import faults
from tests.waiting import wait_until


@pytest.fixture
def draining_server(settings: Any) -> Iterator[str]:
    """A server of its own: one that has drained serves no other test."""
    settings.API_DRAIN_S = 0.3
    with running_server() as url:
        yield url
    draining.clear()


def test_open_stream_ends_with_an_error_event_when_the_server_stops(
    draining_server: str, activate: Callable
) -> None:
    with upstream.running(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)
        with (
            Caller(draining_server, "generate") as caller,
            caller.stream("POST", URL, json={**HELLO, "stream": True}) as response,
        ):
            lines = response.iter_lines()
            next(line for line in lines if "comes" in line)
            draining.set()
            *_, last = events_in(lines)

    assert last.data["error"]["code"] == "backend_unavailable"
    assert "restarted" in last.data["error"]["message"]


def test_stream_that_ends_within_the_time_is_not_disturbed(draining_server: str, activate: Callable) -> None:
    activate(options={"text": "one two three", "tokens_per_s": 20})

    with (
        Caller(draining_server, "generate") as caller,
        caller.stream("POST", URL, json={**HELLO, "stream": True}) as response,
    ):
        lines = response.iter_lines()
        next(line for line in lines if "one" in line)
        draining.set()
        rest = list(lines)

    assert any("three" in line for line in rest)
    assert "data: [DONE]" in rest


def test_request_to_a_process_that_serves_again_is_not_disturbed(
    draining_server: str, activate: Callable
) -> None:
    with upstream.running(faults.silence) as service, ThreadPoolExecutor() as threads:
        activate("vllm", endpoint_url=service.url)
        with Caller(draining_server, "generate") as caller:
            asked = threads.submit(caller.post, URL, json=HELLO)
            wait_until(lambda: service.requests)
            draining.set()
            draining.clear()
            with pytest.raises(TimeoutError):
                asked.result(0.6)
            draining.set()
            assert asked.result(10).status_code == 503


def test_plain_request_is_told_to_come_again(draining_server: str, activate: Callable) -> None:
    with upstream.running(faults.silence) as service, ThreadPoolExecutor() as threads:
        activate("vllm", endpoint_url=service.url)
        with Caller(draining_server, "generate") as caller:
            asked = threads.submit(caller.post, URL, json=HELLO)
            wait_until(lambda: service.requests)
            draining.set()
            response = asked.result(10)

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
