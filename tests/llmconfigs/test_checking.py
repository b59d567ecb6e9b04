from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from llmbackends.errors import BackendTimeout, BackendUnavailable, RemoteNotAllowed
from llmbackends.spec import BackendSpec
from llmconfigs import building, checking
from tests import servers

from .backends import Workshop


def test_check_reports_what_the_backend_says() -> None:
    report = checking.check(BackendSpec("dummy", "dummy"))

    assert report.detail


def test_check_of_a_service_that_is_not_there_fails() -> None:
    address = f"http://127.0.0.1:{servers.free_port()}"

    with pytest.raises(BackendUnavailable):
        checking.check(BackendSpec("ollama", "m", address))


def test_check_of_a_silent_service_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHECK_TIMEOUT_S", 0.2)
    began = time.monotonic()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = BackendSpec("ollama", "m", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(BackendTimeout):
            checking.check(spec)

    assert time.monotonic() - began < 5


def test_check_obeys_the_policy(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        checking.check(BackendSpec("groq", "m", "https://api.groq.com/openai/v1"))


def test_check_closes_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = Workshop()
    monkeypatch.setattr(building.registry, "build", workshop.build)

    checking.check(BackendSpec("dummy", "dummy"))

    assert [backend.closed for backend in workshop.built] == [1]


def test_check_that_fails_closes_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = Workshop(healthy=False)
    monkeypatch.setattr(building.registry, "build", workshop.build)

    with pytest.raises(BackendUnavailable):
        checking.check(BackendSpec("dummy", "dummy"))

    assert [backend.closed for backend in workshop.built] == [1]
