from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from background.draining import draining
from generation.following import watching
from generation.models import GenerationJob
from tests.api.callers import Caller
from tests.api.server import database_connections
from tests.api.sse import Event, events_in
from tests.waiting import wait_until


@contextlib.contextmanager
def following(caller: Caller, path: str) -> Iterator[Iterator[Event]]:
    with caller.stream("GET", f"{path}/events") as response:
        assert response.status_code == 200
        yield events_in(response.iter_lines())


def all_events(caller: Caller, path: str) -> list[Event]:
    with following(caller, path) as events:
        return list(events)


def test_events_tell_each_status_and_the_growing_text(
    member: Caller, activate: Callable[..., object], runner: None
) -> None:
    text = "The tide comes in and the tide goes out, twice a day."
    activate(options={"text": text, "tokens_per_s": 5})

    events = all_events(member, member.submit())

    statuses = [event.data["status"] for event in events if event.name == "status"]
    texts = [event.data["text"] for event in events if event.name == "text"]
    tokens = [event.data["tokens"] for event in events if event.name == "tokens"]
    assert statuses in (["queued", "in_progress", "completed"], ["in_progress", "completed"])
    assert len(texts) > 1
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert texts[-1] == text
    assert len(tokens) > 1
    assert tokens == sorted(tokens)
    assert tokens[-1] == events[-1].data["usage"]["completion_tokens"]
    assert events[-1].name == "status"
    assert events[-1].data["result"]["text"] == text


def test_status_event_is_the_generation_as_get_shows_it(member: Caller) -> None:
    path = member.submit()
    member.post(f"{path}/cancel")

    [event] = all_events(member, path)

    assert event == Event("status", member.get(path).json())


def test_events_of_a_finished_generation_are_its_text_and_status(member: Caller) -> None:
    path = member.submit()
    GenerationJob.objects.update(status="completed", text="Ebb\r\nand\nflow \u2028.", finish_reason="stop")

    text, status = all_events(member, path)

    assert text == Event("text", {"text": "Ebb\r\nand\nflow \u2028."})
    assert status.data["status"] == "completed"


def test_events_come_with_headers_that_let_them_through_proxies(member: Caller) -> None:
    path = member.submit()
    member.post(f"{path}/cancel")

    response = member.get(f"{path}/events")

    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Request-ID"]


def test_silence_is_filled_with_comments(member: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.event_streams.HEARTBEAT_S", 0.05)

    with following(member, member.submit()) as events:
        names = [next(events).name for _ in range(5)]

    # A comment may come first, while the job is being read.
    assert sorted(names) == [":", ":", ":", ":", "status"]


def test_owner_and_manager_can_follow_and_a_stranger_cannot(
    member: Caller, manager: Caller, stranger: Caller
) -> None:
    path = member.submit()

    with following(member, path) as events:
        assert next(events).data["status"] == "queued"
    with following(manager, path) as events:
        assert next(events).data["status"] == "queued"
    refused = stranger.get(f"{path}/events")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "not_found"


def test_events_end_with_one_that_says_so_when_the_server_drains(member: Caller) -> None:
    with following(member, member.submit()) as events:
        next(events)
        began_at = time.monotonic()
        draining.set()
        try:
            last = list(events)
        finally:
            draining.clear()

    assert [event.name for event in last] == ["draining"]
    assert "Connect again" in last[0].data["message"]
    assert time.monotonic() - began_at < 1


def test_failure_to_read_the_job_ends_the_events_with_a_neutral_error(
    member: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(job_id: object):
        raise ZeroDivisionError("a secret cause")
        yield

    monkeypatch.setattr(watching, "changes", broken)

    [event] = all_events(member, member.submit())

    assert event.name == "error"
    assert event.data["error"]["code"] == "internal_error"
    assert "secret" not in str(event)


def test_leaving_a_stream_ends_the_watching(member: Caller) -> None:
    with following(member, member.submit()) as events:
        next(events)
        assert watching._poller._watches
    member.close()

    wait_until(lambda: not watching._poller._watches)


def test_more_streams_than_database_connections(member: Caller) -> None:
    """The pool of the test settings has 16; each of the streams was authorised with one of them."""
    count = 40
    path = member.submit()
    seen: list[str] = []

    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(following(member, path)) for _ in range(count)]
        assert [next(events).data["status"] for events in streams] == ["queued"] * count
        assert member.get(path).status_code == 200
        assert database_connections() <= 16
        GenerationJob.objects.update(status="cancelled")
        seen = [event.data["status"] for events in streams for event in events]

    assert seen == ["cancelled"] * count


def test_streams_of_a_waiting_job_hold_no_threads(member: Caller) -> None:
    count = 60
    path = member.submit()
    before = threading.active_count()

    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(following(member, path)) for _ in range(count)]
        assert [next(events).data["status"] for events in streams] == ["queued"] * count
        # One reads the job for all of them, and the machinery may have begun some that stay.
        wait_until(lambda: threading.active_count() < before + 10)


def test_slow_reader_gets_the_newest_text_not_all_of_them(member: Caller) -> None:
    path = member.submit()

    with following(member, path) as events:
        next(events)
        for length in range(1, 200):
            GenerationJob.objects.update(status="in_progress", text="x" * length)
        GenerationJob.objects.update(status="completed", text="y" * 500, finish_reason="stop")
        last = list(events)

    assert last[-1].data["result"]["text"] == "y" * 500
    assert len(last) < 100


def test_client_that_takes_nothing_is_taken_for_gone(
    member: Caller, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.event_streams.HEARTBEAT_S", 0.05)
    monkeypatch.setattr("generation.following.attended.STALLED_S", 0.2)
    path = member.submit()
    # More than the buffers between the two hold.
    GenerationJob.objects.update(status="in_progress", text="x" * 16_000_000)
    url = httpx.URL(server_url)
    request = f"GET {path}/events HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {member.secret}\r\n\r\n"

    with socket.create_connection((url.host, url.port)) as client:
        client.sendall(request.encode())
        taken = b""
        while b"event: text" not in taken:
            taken += client.recv(64)
        wait_until(lambda: not watching._poller._watches)
