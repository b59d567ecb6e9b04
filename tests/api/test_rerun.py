from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from generation.models import GenerationJob, JobAttempt, JobStatus
from tests.api.callers import Caller

URL = "/api/v1/generations"
KEY = {"Idempotency-Key": "again-4711"}


def failed(caller: Caller, **fields: object) -> str:
    """The path of a generation that has failed."""
    path = caller.submit(priority=2, metadata={"order": "7"})
    GenerationJob.objects.update(status=JobStatus.FAILED, error_code="backend_error", **fields)
    return path


def test_owner_gets_a_new_generation_that_names_the_first(member: Caller) -> None:
    path = failed(member)

    response = member.post(f"{path}/rerun")

    body = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == body["status_url"] != path
    assert body["rerun_of"] == path.rpartition("/")[2]
    assert (body["status"], body["priority"], body["metadata"]) == ("queued", 2, {"order": "7"})
    assert member.get(path).json()["rerun_of"] is None


def test_same_idempotency_key_returns_the_same_new_generation(member: Caller) -> None:
    path = failed(member)

    first = member.post(f"{path}/rerun", headers=KEY)
    second = member.post(f"{path}/rerun", headers=KEY)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert GenerationJob.objects.count() == 2


def test_idempotency_key_of_another_request_is_refused(member: Caller, stranger: Caller) -> None:
    path, others = failed(member), failed(stranger)
    member.post(f"{path}/rerun", headers=KEY)
    submitted = {"prompt": "Hello", "priority": 2, "metadata": {"order": "7"}}

    for refused in (
        member.post(URL, json=submitted, headers=KEY),
        member.post(f"{path}/rerun", headers={"Idempotency-Key": "ä".encode()}),
    ):
        assert (refused.status_code, refused.json()["error"]["param"]) == (422, "Idempotency-Key")
    assert stranger.post(f"{others}/rerun", headers=KEY).status_code == 202


def test_stranger_gets_not_found(member: Caller, stranger: Caller) -> None:
    response = stranger.post(f"{failed(member)}/rerun")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert GenerationJob.objects.count() == 1


def test_key_that_may_only_read_is_refused(call_as: Callable[..., Caller]) -> None:
    reader = call_as("read")

    assert reader.post(f"{URL}/01900000-0000-7000-8000-000000000000/rerun").status_code == 403


@pytest.mark.parametrize("status", ["queued", "in_progress", "completed"])
def test_generation_that_has_not_failed_is_a_conflict(member: Caller, status: str) -> None:
    path = failed(member)
    GenerationJob.objects.update(status=status)

    response = member.post(f"{path}/rerun")

    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")


def test_generation_whose_request_was_deleted_says_so(member: Caller) -> None:
    path = failed(member, result_expired_at=timezone.now(), request={})

    response = member.post(f"{path}/rerun")

    assert (response.status_code, response.json()["error"]["code"]) == (409, "result_expired")


def test_result_that_was_deleted_is_told(member: Caller) -> None:
    path = member.submit()
    GenerationJob.objects.update(
        status=JobStatus.COMPLETED, finish_reason="stop", result_expired_at=timezone.now()
    )

    body = member.get(path).json()

    assert (body["status"], body["result"], body["result_expired"]) == ("completed", None, True)


def test_deadline_is_the_requests_own_and_bounded(member: Caller) -> None:
    member.submit(expires_in_s=30)
    job = GenerationJob.objects.get()

    assert 29 < (job.deadline_at - job.created_at).total_seconds() < 31
    for wrong in (0, 86_401, "30", 1.5):
        response = member.post(URL, json={"prompt": "Hello", "expires_in_s": wrong})
        assert (response.status_code, response.json()["error"]["param"]) == (422, "expires_in_s")


def test_no_answer_tells_of_attempts(member: Caller) -> None:
    path = failed(member)
    JobAttempt.objects.create(
        job=GenerationJob.objects.get(), number=1, owner="zq", ended_at=timezone.now(),
        outcome="failed", reason="zq refused", provider="zq", model_name="zq",
    )  # fmt: skip

    answers = [member.get(path).text, member.get(URL).text, member.post(f"{path}/rerun").text]

    assert not any("zq" in answer or "attempt" in answer for answer in answers)
