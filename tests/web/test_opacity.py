"""No byte that a user gets from a page tells what is behind it: see tests/api/test_opacity.py.

Every page of the playground, of jobs and of keys is walked through success and every failure.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.sessions.backends import base as sessions
from django.middleware import csrf

from apikeys import issuing
from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import GenerationJob
from generation.requests import GenerationRequest
from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.marked_upstream import FAILURES, MARK, TEXT, UPSTREAMS, Upstream
from tests.api.opacity_support import Recording, fail_jobs_at_once, marked, recording
from tests.waiting import wait_until
from tests.web.visitors import Visitor

USE, CREATE = "generation.use_playground", "apikeys.add_own_apikey"
ASK, STREAM = "/playground/ask/", "/playground/stream/"


@pytest.fixture(autouse=True)
def _tokens_of_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which spell no word: among the letters of so many tokens and cookies any would stand some day."""
    monkeypatch.setattr(csrf, "CSRF_ALLOWED_CHARS", string.digits)
    monkeypatch.setattr(sessions, "VALID_KEY_CHARS", string.digits)


@pytest.fixture
def mina(visit_as: Callable[..., Visitor]) -> Visitor:
    return visit_as(USE, CREATE)


@pytest.fixture
def recorded(mina: Visitor) -> Iterator[Recording]:
    with recording(mina) as recorded:
        yield recorded


@pytest.fixture(params=UPSTREAMS, ids=lambda upstream: upstream.provider)
def upstream(
    request: pytest.FixtureRequest, activate: Callable[..., LLMConfig], call_as: Callable[..., Caller]
) -> Iterator[Upstream]:
    with marked(request.param, activate, call_as) as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def _impatient(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_jobs_at_once(settings, monkeypatch)


def walk_playground(mina: Visitor, prompt: str) -> str:
    pages = [mina.get("/playground/")]
    for path in (ASK, STREAM):
        pages.append(mina.post(path, data={"message": prompt, "turns": ""}))
        pages.append(mina.post(path, data={"message": prompt, "config": str(LLMConfig.objects.get().pk)}))
        pages.append(mina.post(path, data={"message": ""}))
    return "".join(page.text for page in pages)


def walk_jobs(mina: Visitor, key: ApiKey, prompts: list[str]) -> None:
    jobs = [submission.submit(key=key, request=GenerationRequest(prompt=f"[{each}]")).job for each in prompts]
    wait_until(lambda: all(job.is_finished for job in GenerationJob.objects.all()))
    for path in ("/jobs/", "/jobs/?status=failed", "/jobs/?status=completed"):
        assert mina.get(path).status_code == 200
    for job in jobs:
        assert mina.get(f"/jobs/{job.pk}/").status_code == 200
        assert mina.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"}).status_code == 200
        assert mina.get(f"/jobs/{job.pk}/events/").status_code == 200
        assert mina.post(f"/jobs/{job.pk}/cancel/").status_code == 302


def test_marks_behind_the_pages_never_reach_a_user(
    upstream: Upstream,
    mina: Visitor,
    recorded: Recording,
    runner: None,
) -> None:
    key = issuing.issue(name="Mine", scopes=["generate"], owner=mina.user).key

    answered = walk_playground(mina, "Hello")
    for failure in FAILURES:
        walk_playground(mina, f"[{failure}]")
    walk_jobs(mina, key, ["success", *FAILURES])
    for path in ("/keys/", "/keys/new/"):
        assert mina.get(path).status_code == 200

    assert re.search(rb"csrftoken=[0-9]{32};", recorded.bytes)
    assert answered.count(TEXT) >= 2
    assert MARK in str(list(GenerationJob.objects.values("config_name", "failure_detail")))
    assert recorded.findings() == []


@pytest.mark.parametrize("error", [ZeroDivisionError, RuntimeError])
@pytest.mark.parametrize(
    "place",
    [
        "generation.answering.completions.active_backend",
        "generation.selectors.job_for",
        "generation.selectors.jobs_page",
        "web.keys.requests_of_day",
        "web.playground.views.read_ask",
    ],
)
def test_crashes_are_neutral(
    mina: Visitor,
    recorded: Recording,
    activate: Callable[..., LLMConfig],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    error: type[Exception],
) -> None:
    activate(name=f"{MARK}-config")
    key = issuing.issue(name="Mine", scopes=["generate"], owner=mina.user).key
    job = submission.submit(key=key, request=GenerationRequest(prompt="Hello")).job

    def crash(*args: Any, **kwargs: Any) -> Any:
        raise error(f"{MARK} at llama.cpp, http://{MARK}:8080")

    with monkeypatch.context() as patch:
        patch.setattr(place, crash)
        answers = [
            mina.get("/jobs/"),
            mina.get(f"/jobs/{job.pk}/"),
            mina.get("/keys/"),
            mina.post(ASK, data={"message": "Hello"}),
            mina.post(STREAM, data={"message": "Hello"}),
        ]

    assert 500 in {answer.status_code for answer in answers}
    assert re.findall(MARK, recorded.bytes.decode()) == []
    assert recorded.findings() == []
