from __future__ import annotations

from collections.abc import Callable

import pytest

from generation.models import GenerationJob
from tests.api.callers import Caller
from tests.waiting import wait_until


def test_cancel_ends_a_queued_generation_at_once(member: Caller) -> None:
    path = member.submit()

    response = member.post(f"{path}/cancel")

    assert response.status_code == 200
    assert response.json()["status"] == "cancelled"
    assert response.json() == member.get(path).json()


def test_cancel_stops_a_generation_in_progress(
    member: Caller, activate: Callable[..., object], runner: None
) -> None:
    activate(options={"delay_s": 60})
    path = member.submit()
    wait_until(lambda: member.get(path).json()["status"] == "in_progress")

    response = member.post(f"{path}/cancel")

    assert response.status_code == 200
    assert response.json()["status"] in ("in_progress", "cancelled")
    wait_until(lambda: member.get(path).json()["status"] == "cancelled")


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_cancel_of_a_finished_generation_is_a_conflict(member: Caller, status: str) -> None:
    path = member.submit()
    GenerationJob.objects.update(status=status, finish_reason="stop", error_code="backend_error")

    response = member.post(f"{path}/cancel")

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "conflict"
    assert status in response.json()["error"]["message"]


def test_owner_and_manager_can_cancel_and_a_stranger_cannot(
    member: Caller, manager: Caller, stranger: Caller
) -> None:
    first, second = member.submit(), member.submit()

    assert stranger.post(f"{first}/cancel").status_code == 404
    assert member.get(first).json()["status"] == "queued"
    assert member.post(f"{first}/cancel").status_code == 200
    assert manager.post(f"{second}/cancel").status_code == 200


def test_cancel_of_an_unknown_id_is_not_found(member: Caller) -> None:
    assert member.post("/api/v1/generations/nonsense/cancel").status_code == 404
