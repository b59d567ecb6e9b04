"""Streaming and stopping, on a real server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.conf import LazySettings

from background.draining import draining
from llmconfigs.models import LLMConfig
from tests.api.frontdoor import upstream
from tests.api.server import database_connections
from tests.api.sse import Event, events_in
from tests.generators.rows import publish
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault, FaultServer
from tests.waiting import wait_until
from tests.web.visitors import Visitor
from usage import writer
from usage.models import UsageRecord

URL = "/playground/stream/"
USE, COMPARE = "generation.use_playground", "llmconfigs.view_llmconfig"
QUESTION = {"message": "What is a tide?", "turns": ""}


@pytest.fixture
def mina(visit_as: Callable[..., Visitor]) -> Visitor:
    return visit_as(USE)


@contextlib.contextmanager
def model_that(*answers: Fault) -> Iterator[FaultServer]:
    """When it is over, nobody is connected to the model any more."""
    with upstream.running(*answers) as service:
        yield service
        wait_until(lambda: service.open_connections == 0, timeout_s=1)


@contextlib.contextmanager
def asking(visitor: Visitor, **fields: str) -> Iterator[Iterator[Event]]:
    with visitor.stream("POST", URL, data=QUESTION | fields) as response:
        assert response.status_code == 200
        yield events_in(response.iter_lines())


def text_of(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.name == "text")


def outcome() -> tuple[str, str]:
    assert writer.flush(timeout_s=10)
    record = UsageRecord.objects.get()
    return record.outcome, record.error_code


def test_answer_comes_piece_by_piece_and_ends_with_tokens_and_time(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "The tide comes in.", "tokens_per_s": 20})

    with asking(mina) as events:
        first = next(events)
        began_at = time.monotonic()
        rest = list(events)

    assert time.monotonic() - began_at > 0.1
    assert text_of([first, *rest]) == "The tide comes in."
    assert rest[-1].name == "end"
    assert rest[-1].data["about"].endswith(" s")
    assert outcome() == ("completed", "")
    assert UsageRecord.objects.get().is_streamed


def test_stream_comes_with_headers_that_let_it_through_proxies(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate()

    response = mina.post(URL, data=QUESTION)

    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Request-ID"]


def test_conversation_is_what_the_model_gets(mina: Visitor, activate: Callable[..., LLMConfig]) -> None:
    with model_that(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)
        turns = '[{"role": "user", "text": "One"}, {"role": "assistant", "text": "Two"}]'
        with asking(mina, turns=turns) as events:
            next(events)
        asked = service.requests[0].json()

    assert [message["content"] for message in asked["messages"]] == ["One", "Two", "What is a tide?"]


def test_answer_that_does_not_fit_begins_again_and_is_noted_at_the_end(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "No, never."})
    publish(takes_messages=True, output_kind="fenced", fence_language="html")

    with asking(mina, generator="ui") as coming:
        events = list(coming)

    again = [event.name for event in events].index("again")
    assert text_of(events[:again]) == text_of(events[again:]) == "No, never."
    assert "does not have the form" in events[-1].data["note"]
    assert outcome() == ("completed", "")
    assert UsageRecord.objects.get().completion_tokens == 2 * 2


def test_generator_of_json_answers_with_json(mina: Visitor, activate: Callable[..., LLMConfig]) -> None:
    activate(options={"text": "Water that moves."})

    with asking(mina, generator="json-v1") as events:
        assert text_of(list(events)) == '{"answer": "Water that moves."}'


@pytest.mark.parametrize(("failure", "status"), [("unavailable", 503), ("bad_answer", 502), ("timeout", 504)])
def test_failure_before_the_first_piece_is_an_error_with_a_status(
    mina: Visitor, activate: Callable[..., LLMConfig], failure: str, status: int
) -> None:
    activate(options={"fail": failure})

    response = mina.post(URL, data=QUESTION)

    assert response.status_code == status
    assert response.json()["message"]
    assert response.json()["cause"] == ""
    assert outcome()[0] == "failed"


def test_failure_in_the_middle_ends_the_stream_with_an_error(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "one two three four", "fail": "cut"})

    with asking(mina) as events:
        *texts, last = events

    assert text_of(texts)
    assert last == Event("error", {"message": "The text could not be generated. Try again.", "cause": ""})
    assert outcome() == ("failed", "backend_error")


def test_staff_are_told_the_cause(
    visit_as: Callable[..., Visitor], activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"fail": "unavailable"})

    response = visit_as(USE, COMPARE).post(URL, data=QUESTION)

    cause = "The service cannot be reached or is not ready. The dummy plays a service that is down."
    assert response.json()["cause"] == cause


def test_stop_closes_the_connection_to_the_model_within_a_second(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    with model_that(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)

        with asking(mina) as events:
            assert next(events).data["text"] == "The tide"
            assert service.open_connections == 1

        wait_until(lambda: service.open_connections == 0, timeout_s=1)
    wait_until(lambda: outcome() == ("cancelled", ""))


def test_stop_before_the_first_piece_does_so_too(mina: Visitor, activate: Callable[..., LLMConfig]) -> None:
    with model_that(faults.silence) as service:
        activate("vllm", endpoint_url=service.url)

        with contextlib.suppress(httpx.ReadTimeout):
            mina.post(URL, data=QUESTION, timeout=0.5)

        assert len(service.requests) == 1
        wait_until(lambda: service.open_connections == 0, timeout_s=1)


def test_stop_without_javascript_is_to_leave_the_page(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    with model_that(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)

        with contextlib.suppress(httpx.ReadTimeout):
            mina.post("/playground/ask/", data=QUESTION, timeout=0.5)

        wait_until(lambda: service.open_connections == 0, timeout_s=1)


def test_silence_is_filled_with_comments(
    mina: Visitor, activate: Callable[..., LLMConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.playground.answers.HEARTBEAT_S", 0.05)
    with model_that(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)
        with asking(mina) as events:
            names = [next(events).name for _ in range(4)]

    assert names == ["text", "text", ":", ":"]


def test_stream_ends_with_an_error_when_the_server_drains(
    mina: Visitor, activate: Callable[..., LLMConfig], settings: Any
) -> None:
    settings.API_DRAIN_S = 0.1
    with model_that(upstream.STALLED) as service:
        activate("vllm", endpoint_url=service.url)
        with asking(mina) as events:
            next(events)
            draining.set()
            try:
                *_, last = events
            finally:
                draining.clear()
        wait_until(lambda: service.open_connections == 0, timeout_s=1)

    assert last.name == "error"
    assert "about to restart" in last.data["message"]


def test_question_that_waits_for_its_first_piece_is_told_to_come_again_when_the_server_drains(
    mina: Visitor, activate: Callable[..., LLMConfig], settings: Any
) -> None:
    settings.API_DRAIN_S = 0.1
    with model_that(faults.silence) as service, ThreadPoolExecutor() as threads:
        activate("vllm", endpoint_url=service.url)
        asked = threads.submit(mina.post, URL, data=QUESTION)
        wait_until(lambda: service.requests)
        draining.set()
        try:
            response = asked.result(10)
        finally:
            draining.clear()

    assert response.status_code == 503
    assert "about to restart" in response.json()["message"]


def test_more_streams_than_database_connections(mina: Visitor, activate: Callable[..., LLMConfig]) -> None:
    """The pool of the test settings has 16."""
    count = 24
    activate(options={"text": "word " * 400, "tokens_per_s": 20})

    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(asking(mina)) for _ in range(count)]
        assert [next(events).name for events in streams] == ["text"] * count
        assert mina.get("/playground/").status_code == 200
        assert database_connections() <= 16


def test_streams_hold_no_threads(mina: Visitor, activate: Callable[..., LLMConfig]) -> None:
    count = 24
    with model_that(upstream.STALLED) as service, contextlib.ExitStack() as stack:
        activate("vllm", endpoint_url=service.url)
        before = threading.active_count()
        streams = [stack.enter_context(asking(mina)) for _ in range(count)]
        assert [next(events).name for events in streams] == ["text"] * count
        wait_until(lambda: threading.active_count() < before + 10)


@pytest.mark.parametrize("path", [URL, "/playground/ask/"])
def test_more_questions_wait_for_their_answer_than_database_connections(
    mina: Visitor, activate: Callable[..., LLMConfig], settings: LazySettings, path: str
) -> None:
    """A model may think for a minute before its first word."""
    settings.API_DRAIN_S = 0.2
    count = 24
    with model_that(faults.silence) as service, ThreadPoolExecutor(count) as threads:
        activate("vllm", endpoint_url=service.url)
        asked = [threads.submit(mina.post, path, data=QUESTION, timeout=20) for _ in range(count)]
        wait_until(lambda: len(service.requests) == count)

        assert mina.get("/playground/", timeout=2).status_code == 200

        draining.set()
        try:
            assert {each.result(20).status_code for each in asked} <= {200, 503}
        finally:
            draining.clear()


def test_two_configurations_stream_at_once(
    visit_as: Callable[..., Visitor], activate: Callable[..., LLMConfig]
) -> None:
    oskar = visit_as(USE, COMPARE)
    activate(options={"text": "From the active one.", "tokens_per_s": 20})
    other = LLMConfig.objects.create(
        name="Other", provider="dummy", options={"text": "From the other.", "tokens_per_s": 20}
    )

    with asking(oskar) as active, asking(oskar, config=str(other.pk)) as beside:
        pairs = [(next(active), next(beside)) for _ in range(2)]
        texts = [text_of([pair[side] for pair in pairs] + list((active, beside)[side])) for side in (0, 1)]

    assert texts == ["From the active one.", "From the other."]


def test_backend_of_a_chosen_configuration_is_closed_after_the_answer(
    visit_as: Callable[..., Visitor], activate: Callable[..., LLMConfig]
) -> None:
    activate()
    with model_that(upstream.ERROR_EVENT) as service:
        other = LLMConfig.objects.create(name="Other", provider="vllm", endpoint_url=service.url)
        visit_as(USE, COMPARE).post(URL, data=QUESTION | {"config": str(other.pk)})

        wait_until(lambda: service.open_connections == 0, timeout_s=1)


def test_limits_of_the_installation_bind_each_user(
    visit_as: Callable[..., Visitor], activate: Callable[..., LLMConfig], settings: Any
) -> None:
    settings.API_CONCURRENT_REQUESTS = 1
    activate(options={"text": "word " * 400, "tokens_per_s": 20})
    mina, noa = visit_as(USE, name="mina"), visit_as(USE, name="noa")

    with asking(mina) as events:
        next(events)
        refused = mina.post(URL, data=QUESTION)
        with asking(noa) as others:
            assert next(others).name == "text"

    assert refused.status_code == 429
    assert "Too many requests" in refused.json()["message"]
