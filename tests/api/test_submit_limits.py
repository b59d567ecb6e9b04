from __future__ import annotations

import pytest

from apikeys import limits
from apikeys.limits import admission
from apikeys.limits.stores import LocalStore
from generation.models import GenerationJob
from tests.api.callers import Caller
from tests.asyncio_support import run_async

URL = "/api/v1/generations"


@pytest.fixture(autouse=True)
def fresh_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_local", LocalStore())


def limit(member: Caller, **fields: int) -> None:
    for name, value in fields.items():
        setattr(member.key, name, value)
    member.key.save(update_fields=list(fields))


def test_submit_says_what_is_left_of_the_minute(member: Caller) -> None:
    limit(member, requests_per_minute=5)

    response = member.post(URL, json={"prompt": "Hello"})

    assert response.status_code == 202
    assert response.headers["X-RateLimit-Limit-Requests"] == "5"
    assert response.headers["X-RateLimit-Remaining-Requests"] == "4"
    assert response.headers["X-RateLimit-Reset-Requests"].endswith("s")


def test_submit_without_a_limit_says_nothing_of_one(member: Caller) -> None:
    response = member.post(URL, json={"prompt": "Hello"})

    assert not [name for name in response.headers if name.startswith("x-ratelimit")]


def test_submit_beyond_the_minute_is_refused_and_stores_nothing(member: Caller) -> None:
    limit(member, requests_per_minute=1)
    member.post(URL, json={"prompt": "Hello"})

    response = member.post(URL, json={"prompt": "Hello"})

    assert response.status_code == 429
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    assert "1 request per minute" in response.json()["error"]["message"]
    assert 1 <= int(response.headers["Retry-After"]) <= 120
    assert response.headers["X-RateLimit-Remaining-Requests"] == "0"
    assert GenerationJob.objects.count() == 1


def test_submit_is_refused_while_as_many_requests_are_running(member: Caller) -> None:
    limit(member, concurrent_requests=1)
    running = run_async(limits.admit(member.key))

    refused = member.post(URL, json={"prompt": "Hello"})
    run_async(running.release())
    accepted = [member.post(URL, json={"prompt": "Hello"}).status_code for _ in range(2)]

    assert refused.status_code == 429
    assert "at the same time" in refused.json()["error"]["message"]
    assert refused.headers["Retry-After"] == "1"
    assert accepted == [202, 202]


def test_reading_is_not_limited(member: Caller) -> None:
    limit(member, requests_per_minute=1)

    assert [member.get(URL).status_code for _ in range(3)] == [200, 200, 200]
