from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL, streamed
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault


@pytest.mark.parametrize("answer", [upstream.CUT, upstream.ERROR_EVENT])
def test_stream_that_breaks_ends_with_an_error_and_no_end_marker(
    activate: Callable, member: Caller, answer: Fault
) -> None:
    with upstream.running(answer) as service:
        activate("vllm", endpoint_url=service.url)

        *chunks, last = streamed(member, HELLO)

    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) in (
        "The tide comes",
        "The tide",
    )
    assert last["error"]["code"] == "backend_error"
    assert "memory" not in str(last)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (faults.answer(500, {"error": {"message": "crashed"}}), 502, "backend_error"),
        (faults.answer(503, {"error": {"message": "loading"}}), 503, "backend_unavailable"),
        (faults.answer(401, {"error": {"message": "bad key"}}), 503, "backend_unavailable"),
        (faults.events("data: [DONE]\n\n"), 502, "backend_error"),
        (faults.cut_stream(), 502, "backend_error"),
        (
            faults.answer(400, {"error": {"message": "too long", "code": "context_length_exceeded"}}),
            400,
            "context_length_exceeded",
        ),
    ],
)
def test_failure_before_the_first_chunk_has_its_own_status(
    activate: Callable, member: Caller, answer: Fault, status: int, code: str, n: int
) -> None:
    with upstream.running(answer) as service:
        activate("vllm", endpoint_url=service.url, max_retries=0)

        response = member.post(URL, json={**HELLO, "stream": True, "n": n})

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert ("retry-after" in response.headers) == (status == 503)
