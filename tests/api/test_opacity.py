"""No byte that a client gets tells what is behind the API.

Marks stand in the names, options, endpoint and key of the configuration and in all that the service behind it
answers. Every route is walked through success and every failure, and what came over the wire is searched for
the marks and for the names of providers.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from generation.models import GenerationJob
from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.marked_upstream import FAILURES, MARK, MODEL, TEXT, UPSTREAMS, Upstream, running
from tests.api.opacity_support import Recording, fail_jobs_at_once, recording
from tests.waiting import wait_until

URL = "/api/v1/generations"
SUCCESS = "success"
DUMMY_FAILURES = ("check", "unavailable", "rate_limited", "timeout", "bad_answer", "cut")


@pytest.fixture
def recorded(member: Caller) -> Iterator[Recording]:
    with recording(member) as recorded:
        yield recorded


@pytest.fixture(autouse=True)
def _impatient(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_jobs_at_once(settings, monkeypatch)


@pytest.fixture(params=UPSTREAMS, ids=lambda upstream: upstream.provider)
def upstream(request: pytest.FixtureRequest) -> Upstream:
    return request.param


@pytest.fixture
def endpoint(upstream: Upstream) -> Iterator[str]:
    with running(upstream) as url:
        yield f"{url}/{MARK}-endpoint"


@pytest.fixture
def activate_marked(activate: Callable[..., LLMConfig]) -> Callable[..., LLMConfig]:
    def make(provider: str, **fields: Any) -> LLMConfig:
        return activate(provider, name=f"{MARK}-config", model_name=MODEL, max_retries=0, **fields)

    return make


def outcomes(member: Caller, prompts: list[str]) -> dict[str, dict[str, Any]]:
    """Submits a job for each prompt, waits for all and walks the routes that show them."""
    paths = {prompt: member.submit(f"[{prompt}]", metadata={"prompt": prompt}) for prompt in prompts}
    finished = ("completed", "failed", "cancelled")
    wait_until(lambda: all(member.get(path).json()["status"] in finished for path in paths.values()))
    for path in paths.values():
        assert member.get(f"{path}/events").status_code == 200
        assert member.post(f"{path}/cancel").status_code == 409
    return {prompt: member.get(path).json() for prompt, path in paths.items()}


def walk_errors(member: Caller) -> None:
    """Every error that needs no job."""
    some = f"{URL}/{uuid.UUID(int=7)}"
    for method, path, options in [
        ("POST", URL, {"content": b"{"}),
        ("POST", URL, {"json": {"prompt": "a", "generator": "x"}}),
        ("POST", URL, {"json": {"prompt": "a" * 200_000}}),
        ("GET", URL, {"params": {"cursor": "x"}}),
        ("GET", some, {}),
        ("GET", f"{some}/events", {}),
        ("POST", f"{some}/cancel", {}),
        ("DELETE", some, {}),
        ("GET", URL, {"headers": {"Authorization": "Bearer wrong"}}),
        ("GET", URL, {"headers": {"X-Changeover-Hop": "1"}}),
        ("GET", "/api/v1/nope", {}),
        ("GET", "/api/", {}),
    ]:
        assert member.request(method, path, **options).status_code >= 400


def walk_pages(member: Caller) -> None:
    for path in ("/api/v1/openapi.json", "/api/v1/docs", "/livez", "/readyz", URL, "/api/v1/generators"):
        assert member.get(path).status_code == 200


def test_marks_behind_the_api_never_reach_a_client(
    upstream: Upstream,
    endpoint: str,
    member: Caller,
    recorded: Recording,
    activate_marked: Callable[..., LLMConfig],
    runner: None,
    settings: LazySettings,
) -> None:
    settings.GENERATION_BREAKER_FAILURES = 0  # each failure is to be seen
    activate_marked(
        upstream.provider, endpoint_url=endpoint, api_key=Secret(upstream.key), options=upstream.options
    )

    jobs = outcomes(member, [SUCCESS, *FAILURES])
    walk_errors(member)
    walk_pages(member)

    assert jobs[SUCCESS]["result"]["text"] == TEXT, staff_side()
    assert jobs[SUCCESS]["usage"]["total_tokens"] == 7
    assert {jobs[name]["status"] for name in FAILURES} == {"failed"}
    assert MARK in staff_side()
    assert recorded.findings() == []


def staff_side() -> str:
    """What the same jobs show to staff: proof that the marks were there to be found."""
    return str(list(GenerationJob.objects.values("status", "config_name", "model_name", "failure_detail")))


@pytest.mark.parametrize("failure", DUMMY_FAILURES)
def test_failures_of_a_backend_in_process_are_neutral(
    failure: str,
    member: Caller,
    recorded: Recording,
    activate_marked: Callable[..., LLMConfig],
    runner: None,
) -> None:
    activate_marked("dummy", options={"text": TEXT, "fail": failure})

    jobs = outcomes(member, ["anything"])

    assert jobs["anything"]["status"] == "failed"
    assert recorded.findings() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": f"{MARK}-provider"},
        {"provider": "anthropic", "endpoint_url": f"http://127.0.0.1:9/{MARK}"},
        {"provider": "llama-cpp", "endpoint_url": f"http://127.0.0.1:9/{MARK}"},
        {"provider": "llama-cpp", "endpoint_url": f"http://{MARK}.invalid"},
        {"provider": "local-llm", "options": {"model_path": f"/tmp/{MARK}.gguf"}},
        {"provider": "dummy", "options": {MARK: MARK}},
    ],
    ids=["unknown provider", "no key", "refused", "no address", "no file", "wrong option"],
)
def test_configurations_that_cannot_work_are_hidden(
    fields: dict[str, Any],
    member: Caller,
    recorded: Recording,
    activate_marked: Callable[..., LLMConfig],
    runner: None,
) -> None:
    activate_marked(**fields)

    jobs = outcomes(member, ["anything"])
    member.get("/readyz")

    assert jobs["anything"]["error"]["code"] == "backend_unavailable"
    assert MARK in staff_side()
    assert recorded.findings() == []


@pytest.mark.parametrize("error", [ZeroDivisionError, OperationalError])
@pytest.mark.parametrize(
    "place",
    [
        "api.authentication.authenticate",
        "generation.accepting.submission.submit_durably",
        "generation.accepting.submission.cancel",
        "generation.selectors.job_for",
        "generation.selectors.jobs_page",
        "api.generations.generation",
    ],
)
def test_crashes_are_neutral(
    member: Caller, recorded: Recording, monkeypatch: pytest.MonkeyPatch, place: str, error: type[Exception]
) -> None:
    path = member.submit()

    def crash(*args: Any, **kwargs: Any) -> Any:
        raise error(f"{MARK} at llama.cpp, http://{MARK}:8080")

    with monkeypatch.context() as patch:
        patch.setattr(place, crash)
        answers = [
            member.post(URL, json={"prompt": "a"}),
            member.get(URL),
            member.get(path),
            member.post(f"{path}/cancel"),
        ]

    assert {answer.status_code for answer in answers} & {500, 503}
    assert recorded.findings() == []


@pytest.mark.parametrize("error", [ZeroDivisionError, OperationalError])
def test_crashes_of_a_stream_are_neutral(
    member: Caller, recorded: Recording, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    path = member.submit()

    async def crash(job_id: object) -> Any:
        raise error(f"{MARK} at llama.cpp, http://{MARK}:8080")
        yield

    with monkeypatch.context() as patch:
        patch.setattr("generation.following.watching.changes", crash)
        events = member.get(f"{path}/events").text

    assert "event: error" in events
    assert recorded.findings() == []
