from __future__ import annotations

import contextlib
from collections.abc import Callable

import httpx

from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL
from tests.llmbackends import faults
from tests.waiting import wait_until


def test_client_that_hangs_up_on_a_stream_ends_the_call_to_the_model(
    activate: Callable, member: Caller
) -> None:
    with upstream.running(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)

        with member.stream("POST", URL, json={**HELLO, "stream": True}) as response:
            lines = response.iter_lines()  # to drop it would close the response
            assert "The tide" in next(line for line in lines if "tide" in line)
            assert service.open_connections == 1

        wait_until(lambda: service.open_connections == 0, timeout_s=2)


def test_client_that_hangs_up_on_a_plain_request_ends_the_call_to_the_model(
    activate: Callable, member: Caller
) -> None:
    with upstream.running(faults.silence) as service:
        activate("vllm", endpoint_url=service.url)

        with contextlib.suppress(httpx.ReadTimeout):
            member.post(URL, json=HELLO, timeout=0.5)

        assert len(service.requests) == 1
        wait_until(lambda: service.open_connections == 0, timeout_s=2)


def test_client_that_hangs_up_ends_the_calls_for_all_choices(activate: Callable, member: Caller) -> None:
    with upstream.running(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)

        with member.stream("POST", URL, json={**HELLO, "stream": True, "n": 3}) as response:
            lines = response.iter_lines()
            next(lines)
            assert service.open_connections == 3

        wait_until(lambda: service.open_connections == 0, timeout_s=2)
