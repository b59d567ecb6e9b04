"""Every request of a known key leaves one record, which tells how it ended and what it used."""

from __future__ import annotations

import httpx
import pytest

from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL, streamed
from tests.api.frontdoor.usage_support import (
    CANCELLED,
    COMPLETED,
    COUNTED,
    ROUTES,
    STREAMING,
    UNCOUNTED,
    UNCOUNTED_STREAM,
    Activate,
    answering_config,
    ending,
    record_of,
    record_to_come,
    tokens,
)
from tests.llmbackends import faults
from usage import writer


@pytest.mark.parametrize("url", ROUTES)
def test_plain_answer_is_recorded(activate: Activate, member: Caller, url: str) -> None:
    config = activate(name="House", model_name="dummy-2", options={"text": "One two three."})
    route, body = ROUTES[url]

    response = member.post(url, json=body)

    record = record_of(member)
    assert response.status_code == 200
    assert ending(record) == COMPLETED
    assert (record.route, record.is_streamed, record.first_token_s) == (route, False, None)
    assert record.request_id == response.headers["x-request-id"]
    assert answering_config(record) == (config.pk, "House", "dummy", "dummy-2")
    assert tokens(record) == (1, 0 if route == "embeddings" else 3, False)
    assert record.duration_s > 0


@pytest.mark.parametrize("url", STREAMING)
def test_streamed_answer_is_recorded(activate: Activate, member: Caller, url: str) -> None:
    config = activate(name="House", options={"text": "One two three."})
    route, body = ROUTES[url]

    with member.stream("POST", url, json={**body, "stream": True}) as response:
        response.read()

    record = record_of(member)
    assert ending(record) == COMPLETED
    assert (record.route, record.is_streamed) == (route, True)
    assert record.request_id == response.headers["x-request-id"]
    assert answering_config(record) == (config.pk, "House", "dummy", "dummy")
    assert tokens(record) == (1, 3, False)
    assert record.first_token_s is not None
    assert 0 < record.first_token_s <= record.duration_s


def test_time_to_the_first_token_is_recorded(activate: Activate, member: Caller) -> None:
    activate(options={"text": "One two three.", "delay_s": 0.1, "tokens_per_s": 5})

    streamed(member, HELLO)

    record = record_of(member)
    assert record.first_token_s is not None
    assert record.first_token_s > 0.09
    assert record.duration_s - record.first_token_s > 0.1  # two tokens, 0.4 s, later


def test_request_id_of_the_client_is_recorded(activate: Activate, member: Caller) -> None:
    activate()

    member.post(URL, json=HELLO, headers={"X-Request-ID": "order-1"})

    assert record_of(member).request_id == "order-1"


@pytest.mark.parametrize("url", [URL, "/v1/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_of_all_choices_are_recorded_as_one_sum(
    activate: Activate, member: Caller, url: str, stream: bool
) -> None:
    activate(options={"text": "One two."})

    response = member.post(url, json={**ROUTES[url][1], "n": 3, "stream": stream})

    assert response.status_code == 200
    assert tokens(record_of(member)) == (3, 6, False)


def test_recorded_tokens_are_those_of_the_answer(activate: Activate, member: Caller) -> None:
    with upstream.running(COUNTED) as service:
        activate("vllm", endpoint_url=service.url)
        usage = member.post(URL, json={**HELLO, "n": 2}).json()["usage"]

    assert tokens(record_of(member)) == (60, 80, False)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (60, 80)


def test_plain_answer_that_nobody_counted_is_estimated(activate: Activate, member: Caller) -> None:
    with upstream.running(UNCOUNTED) as service:
        activate("vllm", endpoint_url=service.url)
        usage = member.post(URL, json=HELLO).json()["usage"]

    record = record_of(member)
    assert (ending(record), tokens(record)) == (COMPLETED, (2, 4, True))
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2, 4)


def test_streamed_answer_that_nobody_counted_is_estimated(activate: Activate, member: Caller) -> None:
    asked = {**HELLO, "stream_options": {"include_usage": True}}
    with upstream.running(UNCOUNTED_STREAM) as service:
        activate("vllm", endpoint_url=service.url)
        usage = streamed(member, asked)[-2]["usage"]

    record = record_of(member)
    assert (ending(record), tokens(record)) == (COMPLETED, (2, 4, True))
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2, 4)


def test_all_choices_are_estimated_where_one_was_not_counted(activate: Activate, member: Caller) -> None:
    with upstream.running(COUNTED, UNCOUNTED) as service:
        activate("vllm", endpoint_url=service.url)
        member.post(URL, json={**HELLO, "n": 2})

    assert tokens(record_of(member)) == (4, 8, True)


@pytest.mark.parametrize(("n", "estimated"), [(1, (2, 4, True)), (2, (4, 7, True))])
def test_stream_that_its_client_left_is_recorded_with_what_came(
    activate: Activate, member: Caller, n: int, estimated: tuple[int, int, bool]
) -> None:
    with upstream.running(upstream.STALLED) as service:
        config = activate("vllm", name="House", endpoint_url=service.url)
        with member.stream("POST", URL, json={**HELLO, "stream": True, "n": n}) as response:
            lines = response.iter_lines()  # to drop it would close the response
            seen = [next(line for line in lines if "comes" in line) for _ in range(n)]

        record = record_to_come(member)

    assert len(seen) == n
    assert (ending(record), tokens(record)) == (CANCELLED, estimated)
    assert (record.is_streamed, record.request_id) == (True, response.headers["x-request-id"])
    assert answering_config(record) == (config.pk, "House", "vllm", "dummy")
    assert record.first_token_s is not None
    assert 0 < record.first_token_s <= record.duration_s


@pytest.mark.parametrize("stream", [False, True])
def test_request_that_its_client_left_before_an_answer_is_recorded_with_its_prompt(
    activate: Activate, member: Caller, stream: bool
) -> None:
    with upstream.running(faults.silence) as service:
        config = activate("vllm", name="House", endpoint_url=service.url)
        with pytest.raises(httpx.ReadTimeout):
            member.post(URL, json={**HELLO, "stream": stream}, timeout=0.5)

        record = record_to_come(member)

    assert (ending(record), tokens(record)) == (CANCELLED, (2, 0, True))
    assert (record.is_streamed, record.first_token_s) == (stream, None)
    assert answering_config(record) == (config.pk, "House", "vllm", "dummy")
    assert record.duration_s > 0


def test_answer_by_the_environments_configuration_is_recorded_without_an_id(member: Caller) -> None:
    assert member.post(URL, json=HELLO).status_code == 200

    record = record_of(member)
    assert ending(record) == COMPLETED
    assert (record.config_id, record.provider, record.model_name) == (None, "dummy", "dummy")


def test_each_request_leaves_a_record_of_its_own(activate: Activate, member: Caller) -> None:
    activate(options={"text": "Yes."})

    ids = {member.post(URL, json=HELLO).headers["x-request-id"] for _ in range(5)}

    assert writer.flush(5)
    assert set(member.key.usage_records.values_list("request_id", flat=True)) == ids
    assert len(ids) == 5
