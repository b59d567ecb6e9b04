"""What a key's limits let in and turn away; how they count is in tests/apikeys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest

from apikeys.limits import admission
from apikeys.limits.stores import LocalStore
from apikeys.models import ApiKey
from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL, streamed
from tests.apikeys.limits_support import Clock
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault
from tests.waiting import wait_until

MESSAGES = "/v1/messages"
ASKED: dict[str, Any] = {**HELLO, "max_tokens": 9}
LEFT = "x-ratelimit-remaining-requests"
WHOLE_ANSWER = faults.events(
    upstream.delta("Yes."),
    'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n',
    "data: [DONE]\n\n",
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Half a minute is over, and stays so until a test says something else."""
    clock = Clock()
    clock.now = 6030.0
    monkeypatch.setattr("limits.storage.memory.time", clock)
    monkeypatch.setattr(admission, "_local", LocalStore())
    return clock


@pytest.fixture
def limited(member: Caller) -> Callable[..., Caller]:
    """The member with these limits; it must not have called before."""

    def make(**fields: int) -> Caller:
        ApiKey.objects.filter(pk=member.key.pk).update(**fields)
        return member

    return make


def test_answers_tell_how_many_requests_are_left(activate: Callable, limited: Callable, clock: Clock) -> None:
    activate()
    caller = limited(requests_per_minute=5)

    chat = caller.post(URL, json=HELLO)
    with caller.stream("POST", URL, json={**HELLO, "stream": True}) as stream:
        stream.read()
    message = caller.post(MESSAGES, json=ASKED)
    refused = caller.post(URL, json={})

    answers = (chat, stream, message, refused)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert [answer.headers[LEFT] for answer in answers] == ["4", "3", "2", "1"]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"5"}
    assert chat.headers["x-ratelimit-reset-requests"] == "30s"


def test_answers_to_a_key_without_limits_tell_nothing_of_them(activate: Callable, member: Caller) -> None:
    activate()

    response = member.post(URL, json=HELLO)

    assert response.status_code == 200
    assert [name for name in response.headers if "ratelimit" in name] == []


def exhausted(caller: Caller, url: str) -> httpx.Response:
    """The answer to the second request of a key that may send one a minute."""
    assert caller.post(URL, json=HELLO).status_code == 200
    return caller.post(url, json=ASKED)


def test_request_too_many_is_refused_in_the_form_of_openai(
    activate: Callable, limited: Callable, clock: Clock
) -> None:
    activate()

    response = exhausted(limited(requests_per_minute=1), URL)

    assert response.status_code == 429
    assert response.json()["error"] == {
        "message": "The API key may send 1 request per minute. Wait as long as Retry-After says.",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert (response.headers["retry-after"], response.headers[LEFT]) == ("31", "0")


def test_request_too_many_is_refused_in_the_form_of_anthropic(
    activate: Callable, limited: Callable, clock: Clock
) -> None:
    activate()

    response = exhausted(limited(requests_per_minute=1), MESSAGES)

    said = response.json()
    assert (response.status_code, said["type"]) == (429, "error")
    assert said["error"]["type"] == "rate_limit_error"
    assert said["error"]["details"] == {"error_code": "rate_limit_exceeded"}
    assert said["request_id"] == response.headers["x-request-id"]
    assert (response.headers["retry-after"], response.headers[LEFT]) == ("31", "0")


def test_request_fits_after_as_long_as_retry_after_says(
    activate: Callable, limited: Callable, clock: Clock
) -> None:
    activate()
    caller = limited(requests_per_minute=1)

    clock.now += int(exhausted(caller, URL).headers["retry-after"])

    assert caller.post(URL, json=HELLO).status_code == 200


@pytest.mark.parametrize("url", ["/v1/completions", "/v1/responses", MESSAGES, "/v1/embeddings"])
def test_all_routes_that_ask_the_model_count_together(
    activate: Callable, limited: Callable, clock: Clock, url: str
) -> None:
    activate()

    assert exhausted(limited(requests_per_minute=1), url).status_code == 429


def test_looking_at_the_models_costs_nothing(activate: Callable, limited: Callable, clock: Clock) -> None:
    activate()
    caller = limited(requests_per_minute=1)

    looks = [caller.get("/v1/models").status_code for _ in range(3)]

    assert (looks, caller.post(URL, json=HELLO).status_code) == ([200] * 3, 200)


def test_other_key_is_not_concerned(
    activate: Callable, limited: Callable, stranger: Caller, clock: Clock
) -> None:
    activate()
    exhausted(limited(requests_per_minute=1), URL)

    assert stranger.post(URL, json=HELLO).status_code == 200


def test_client_of_openai_raises_its_rate_limit_error(
    activate: Callable, limited: Callable, server_url: str, clock: Clock
) -> None:
    activate()
    caller = limited(requests_per_minute=1)
    with openai.OpenAI(base_url=f"{server_url}/v1", api_key=caller.secret, max_retries=0) as client:
        client.chat.completions.create(**HELLO)

        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(**HELLO, stream=True)

    assert (raised.value.code, raised.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert raised.value.response.headers["retry-after"] == "31"


def test_client_of_anthropic_raises_its_rate_limit_error(
    activate: Callable, limited: Callable, server_url: str, clock: Clock
) -> None:
    activate()
    caller = limited(requests_per_minute=1)
    with anthropic.Anthropic(base_url=server_url, api_key=caller.secret, max_retries=0) as client:
        client.messages.create(**ASKED)

        with pytest.raises(anthropic.RateLimitError) as raised:
            client.messages.create(**ASKED)

    assert raised.value.response.headers["retry-after"] == "31"


@pytest.mark.parametrize("url", [URL, MESSAGES])
def test_request_beside_an_open_stream_is_refused(activate: Callable, limited: Callable, url: str) -> None:
    caller = limited(concurrent_requests=1)
    with upstream.running(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)

        with caller.stream("POST", URL, json={**HELLO, "stream": True}):
            refused = caller.post(url, json=ASKED)
            asked = len(service.requests)

    assert (refused.status_code, refused.headers["retry-after"], asked) == (429, "1", 1)
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert "1 request running at the same time" in refused.json()["error"]["message"]


def test_slot_is_free_after_a_stream_has_ended(activate: Callable, limited: Callable) -> None:
    activate()
    caller = limited(concurrent_requests=1)

    ends = [streamed(caller, HELLO)[-1] for _ in range(3)]

    assert (ends, caller.post(URL, json=HELLO).status_code) == (["[DONE]"] * 3, 200)


@pytest.mark.parametrize("answer", [upstream.CUT, upstream.ERROR_EVENT])
def test_slot_is_free_after_a_stream_has_broken(activate: Callable, limited: Callable, answer: Fault) -> None:
    caller = limited(concurrent_requests=1)
    with upstream.running(answer) as service:
        activate("vllm", endpoint_url=service.url)

        lasts = [streamed(caller, HELLO)[-1]["error"]["code"] for _ in range(2)]

    assert lasts == ["backend_error"] * 2


def test_slot_is_free_after_a_refusal(activate: Callable, limited: Callable) -> None:
    activate()
    caller = limited(concurrent_requests=1)

    refused = [caller.post(URL, json={}).status_code for _ in range(2)]

    assert (refused, caller.post(URL, json=HELLO).status_code) == ([400, 400], 200)


def test_slot_is_free_after_the_client_of_a_stream_has_hung_up(activate: Callable, limited: Callable) -> None:
    caller = limited(concurrent_requests=1)
    with upstream.running(upstream.STALLED, WHOLE_ANSWER) as service:
        activate("vllm", endpoint_url=service.url)
        with caller.stream("POST", URL, json={**HELLO, "stream": True}) as response:
            lines = response.iter_lines()  # to drop it would close the response
            next(lines)

        again = {**HELLO, "stream": True}
        wait_until(lambda: caller.post(URL, json=again).status_code == 200, timeout_s=5)

    assert len(service.requests) == 2


def test_slot_is_free_after_the_client_of_a_plain_request_has_hung_up(
    activate: Callable, limited: Callable
) -> None:
    caller = limited(concurrent_requests=1)
    with upstream.running(faults.silence, WHOLE_ANSWER) as service:
        activate("vllm", endpoint_url=service.url)
        with pytest.raises(httpx.ReadTimeout):
            caller.post(URL, json=HELLO, timeout=0.5)

        again = {**HELLO, "stream": True}
        wait_until(lambda: caller.post(URL, json=again).status_code == 200, timeout_s=5)

    assert len(service.requests) == 2
