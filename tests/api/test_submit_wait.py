from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError

from background.draining import draining
from generation.following import watching
from tests.api.callers import Caller

URL = "/api/v1/generations"


def test_wait_answers_200_with_the_finished_generation(
    member: Caller, activate: Callable[..., object], runner: None
) -> None:
    activate(options={"text": "Ebb and flow."})

    response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=20"})

    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "completed"
    assert body["result"]["text"] == "Ebb and flow."
    assert response.headers["Location"] == body["status_url"]
    assert response.headers["Preference-Applied"] == "wait=20"


def test_wait_answers_200_with_a_failed_generation(
    member: Caller, activate: Callable[..., object], runner: None
) -> None:
    activate(options={"fail": "bad_answer"})

    response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=20"})

    assert response.status_code == 200
    assert response.json()["status"] == "failed"
    assert response.json()["error"]["code"] == "backend_error"


def test_wait_answers_202_when_the_time_is_over(member: Caller) -> None:
    began_at = time.monotonic()

    response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=1"})

    assert response.status_code == 202
    assert response.json()["status"] == "queued"
    assert response.headers["Preference-Applied"] == "wait=1"
    assert 1 <= time.monotonic() - began_at < 5


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=0", "wait=0"),
        ("respond-async, WAIT = 0", "wait=0"),
        ('wait="0"; foo=bar', "wait=0"),
        ("respond-async", None),
        ("", None),
    ],
)
def test_other_preferences_are_left_alone(member: Caller, prefer: str, applied: str | None) -> None:
    response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": prefer})

    assert response.status_code == 202
    assert response.headers.get("Preference-Applied") == applied


def test_wait_is_60_seconds_at_most(member: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.headers.MAX_WAIT_S", 1)

    response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=3600"})

    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"


def test_repeated_request_waits_for_the_generation_it_made_before(
    member: Caller, activate: Callable[..., object], runner: None
) -> None:
    activate(options={"text": "Ebb."})
    headers = {"Idempotency-Key": "tide", "Prefer": "wait=20"}

    first, second = (member.post(URL, json={"prompt": "Tide?"}, headers=headers) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


def test_failure_to_wait_does_not_hide_that_the_generation_was_accepted(
    member: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(job_id: object, *, timeout_s: float) -> None:
        raise OperationalError("db-host-7 is down")

    monkeypatch.setattr(watching, "wait_until_finished", fail)

    response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=5"})

    assert response.status_code == 202
    assert member.get(response.headers["Location"]).json() == response.json()


def test_waiting_ends_when_the_server_drains(member: Caller) -> None:
    timer = threading.Timer(0.5, draining.set)
    timer.start()
    try:
        began_at = time.monotonic()
        response = member.post(URL, json={"prompt": "Tide?"}, headers={"Prefer": "wait=30"})
    finally:
        timer.join()
        draining.clear()

    assert response.status_code == 202
    assert time.monotonic() - began_at < 3
