from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from generation.models import GenerationJob
from tests.api.callers import Caller

URL = "/api/v1/generations"
KEY = {"Idempotency-Key": "order-4711"}


def test_same_key_and_body_return_the_same_generation(member: Caller) -> None:
    first = member.post(URL, json={"prompt": "Hello", "priority": 2}, headers=KEY)
    second = member.post(URL, json={"priority": 2, "prompt": "Hello"}, headers=KEY)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert GenerationJob.objects.count() == 1


def test_same_key_with_another_body_is_refused(member: Caller) -> None:
    member.post(URL, json={"prompt": "Hello"}, headers=KEY)

    response = member.post(URL, json={"prompt": "Goodbye"}, headers=KEY)

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid_request"
    assert response.json()["error"]["param"] == "Idempotency-Key"
    assert GenerationJob.objects.count() == 1


def test_keys_of_two_callers_do_not_meet(member: Caller, stranger: Caller) -> None:
    first = member.post(URL, json={"prompt": "Hello"}, headers=KEY).json()
    second = stranger.post(URL, json={"prompt": "Hello"}, headers=KEY).json()

    assert first["id"] != second["id"]


def test_without_a_key_each_request_is_a_new_generation(member: Caller) -> None:
    ids = {member.post(URL, json={"prompt": "Hello"}).json()["id"] for _ in range(3)}

    assert len(ids) == 3


def test_simultaneous_requests_with_one_key_make_one_generation(member: Caller) -> None:
    def submit(_: int) -> tuple[int, str]:
        response = member.post(URL, json={"prompt": "Hello"}, headers=KEY)
        return response.status_code, response.json()["id"]

    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(submit, range(16)))

    assert answers == {(202, str(GenerationJob.objects.get().pk))}
