"""No byte that a client of /v1 gets tells what is behind it: see tests/api/test_opacity.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.marked_upstream import FAILURES, TEXT, UPSTREAMS, Upstream
from tests.api.opacity_support import Recording, marked, recording

CHAT = "/v1/chat/completions"
ROUTES: dict[str, Callable[[str], dict[str, Any]]] = {
    CHAT: lambda text: {"messages": [{"role": "user", "content": text}]},
    "/v1/completions": lambda text: {"prompt": text},
    "/v1/responses": lambda text: {"input": text},
    "/v1/messages": lambda text: {"max_tokens": 9, "messages": [{"role": "user", "content": text}]},
}


@pytest.fixture
def recorded(member: Caller) -> Iterator[Recording]:
    with recording(member) as recorded:
        yield recorded


@pytest.fixture(params=UPSTREAMS, ids=lambda upstream: upstream.provider)
def upstream(
    request: pytest.FixtureRequest, activate: Callable[..., LLMConfig], call_as: Callable[..., Caller]
) -> Iterator[Upstream]:
    with marked(request.param, activate, call_as) as upstream:
        yield upstream


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("route", ROUTES)
def test_marks_behind_the_front_door_never_reach_a_client(
    upstream: Upstream, member: Caller, recorded: Recording, route: str, stream: bool
) -> None:
    bodies = [ROUTES[route](f"[{name}]") for name in FAILURES]
    failed = [member.post(route, json={"model": "default", "stream": stream, **body}) for body in bodies]
    recorded_failures = len(recorded.bytes)
    member.post(route, json={"model": "default", "stream": True, **ROUTES[route]("Hello")})

    findings = [finding for finding in recorded.findings() if finding not in ALWAYS_THERE[route]]
    assert findings == []
    assert all(response.status_code >= 400 for response in failed)
    assert TEXT.encode() in recorded.bytes[recorded_failures:]


# Fields of the answer's own form, which say nothing.
ALWAYS_THERE = {
    "/v1/chat/completions": [],
    "/v1/completions": [],
    "/v1/responses": ["temperature"],
    "/v1/messages": [],
}


def test_embeddings_of_a_model_that_has_none_are_refused_without_a_name(
    upstream: Upstream, member: Caller, recorded: Recording
) -> None:
    response = member.post("/v1/embeddings", json={"model": "default", "input": "Hello"})

    assert response.status_code >= 400
    assert recorded.findings() == []
