from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http.response import HttpResponseBase

from apikeys import issuing
from background.draining import draining
from generation.accepting import submission
from generation.following import watching
from generation.models import GenerationJob
from generation.requests import GenerationRequest
from llmconfigs.models import LLMConfig
from tests.api.sse import Event, events_in
from tests.waiting import wait_until
from tests.web.visitors import Visitor
from web import access


@pytest.fixture
def mina(visit_as: Callable[..., Visitor]) -> Visitor:
    return visit_as("generation.use_playground")


@pytest.fixture
def job(mina: Visitor) -> GenerationJob:
    key = issuing.issue(name="Reports", scopes=["generate"], owner=mina.user).key
    return submission.submit(key=key, request=GenerationRequest(prompt="What is a tide?")).job


@contextlib.contextmanager
def following(visitor: Visitor, job: GenerationJob) -> Iterator[Iterator[Event]]:
    with visitor.stream("GET", f"/jobs/{job.pk}/events/") as response:
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        yield events_in(response.iter_lines())


def test_events_tell_what_is_new_of_text_tokens_and_status(mina: Visitor, job: GenerationJob) -> None:
    with following(mina, job) as events:
        assert next(events) == Event("status", {"status": "queued", "is_finished": False})
        GenerationJob.objects.update(status="in_progress", attempt=1, text="Water", tokens_so_far=1)
        news = [next(events) for _ in range(3)]
        GenerationJob.objects.update(text="Water that moves.", tokens_so_far=4)
        more = [next(events) for _ in range(2)]
        GenerationJob.objects.update(attempt=2, text="Or", tokens_so_far=1)
        again = [next(events) for _ in range(2)]
        GenerationJob.objects.update(status="completed")
        last = list(events)

    assert news == [
        Event("text", {"text": "Water"}),
        Event("tokens", {"tokens": 1}),
        Event("status", {"status": "in_progress", "is_finished": False}),
    ]
    assert more == [Event("text", {"append": " that moves."}), Event("tokens", {"tokens": 4})]
    assert again == [Event("text", {"text": "Or"}), Event("tokens", {"tokens": 1})]
    assert last == [Event("status", {"status": "completed", "is_finished": True})]


def test_who_comes_later_gets_all_of_the_text(mina: Visitor, job: GenerationJob) -> None:
    GenerationJob.objects.update(status="in_progress", text="Water that", tokens_so_far=2)

    with following(mina, job) as events:
        assert next(events) == Event("text", {"text": "Water that"})


def test_progress_of_a_real_run_is_told(
    mina: Visitor, job: GenerationJob, activate: Callable[..., LLMConfig], runner: None
) -> None:
    activate(options={"text": "The tide comes in and goes out.", "tokens_per_s": 4})

    with following(mina, job) as events:
        told = list(events)

    tokens = [event.data["tokens"] for event in told if event.name == "tokens"]
    assert len(tokens) > 1
    assert tokens == sorted(tokens)
    job.refresh_from_db()
    assert tokens[-1] == job.completion_tokens


def test_events_end_when_the_server_drains(mina: Visitor, job: GenerationJob) -> None:
    with following(mina, job) as events:
        next(events)
        draining.set()
        try:
            assert list(events) == []
        finally:
            draining.clear()


def test_leaving_ends_the_watching(mina: Visitor, job: GenerationJob) -> None:
    with following(mina, job) as events:
        next(events)
        assert watching._poller._watches

    wait_until(lambda: not watching._poller._watches)


def test_more_followers_than_database_connections(mina: Visitor, job: GenerationJob) -> None:
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(following(mina, job)) for _ in range(24)]
        assert [next(events).name for events in streams] == ["status"] * 24
        assert mina.get("/jobs/").status_code == 200


def test_followers_hold_no_threads(mina: Visitor, job: GenerationJob) -> None:
    before = threading.active_count()

    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(following(mina, job)) for _ in range(24)]
        assert [next(events).name for events in streams] == ["status"] * 24
        wait_until(lambda: threading.active_count() < before + 10)


def test_page_for_a_job_that_is_not_there_is_made_on_a_connection_that_is_given_back(
    mina: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[BaseDatabaseWrapper] = []
    made = access.response_for_exception

    def noted(*args: object) -> HttpResponseBase:
        connection.ensure_connection()
        used.append(connections["default"])
        return made(*args)

    monkeypatch.setattr(access, "response_for_exception", noted)

    response = mina.get(f"/jobs/{uuid.uuid4()}/events/")

    assert response.status_code == 404
    assert [each.connection for each in used] == [None]
