from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
from django.utils import translation

from llmbackends.errors import BackendUnavailable, RemoteNotAllowed, UnsupportedFeature
from llmbackends.spec import BackendSpec
from llmconfigs import building, probing
from tests import servers
from tests.asyncio_support import run_async

from .backends import Workshop


def dummy(**options: Any) -> BackendSpec:
    return BackendSpec("dummy", "dummy", options=options)


def test_probe_tells_times_tokens_and_the_start_of_the_answer() -> None:
    probe = probing.probe(dummy(text="ready   and\nwaiting", delay_s=0.05))

    assert probe.is_ok
    assert probe.detail == "The dummy is ready."
    assert probe.check_s is not None
    assert probe.answer_s is not None
    assert probe.check_s < 0.05 <= probe.answer_s
    assert probe.prompt_tokens
    assert probe.completion_tokens == 3
    assert probe.text == "ready and waiting"


def test_probe_asks_for_few_tokens() -> None:
    probe = probing.probe(dummy(text="word " * 500))

    assert probe.completion_tokens == probing.MOST_TOKENS


def test_probe_of_a_service_that_is_not_there_says_why() -> None:
    address = f"http://127.0.0.1:{servers.free_port()}"

    probe = probing.probe(BackendSpec("ollama", "m", address))

    assert not probe.is_ok
    assert probe.failure is not None
    assert probe.failure.error_type == "unavailable"
    assert address in probe.failure.reason
    assert (probe.check_s, probe.answer_s) == (None, None)


def test_probe_whose_answer_fails_keeps_what_the_check_said() -> None:
    probe = probing.probe(dummy(fail="bad_answer"))

    assert probe.check_s is not None
    assert probe.answer_s is None
    assert probe.failure is not None
    assert probe.failure.error_type == "bad_answer"


def test_probe_gives_its_reason_in_the_language_of_who_asked() -> None:
    with translation.override("en"):
        failure = probing.probe(dummy(fail="check")).failure

    assert failure is not None
    assert failure.reason == f"The service cannot be reached or is not ready. {failure.message}"


def test_probe_of_a_silent_service_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "CHECK_TIMEOUT_S", 0.2)
    began = time.monotonic()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        probe = probing.probe(BackendSpec("ollama", "m", f"http://127.0.0.1:{silent.getsockname()[1]}"))

    assert time.monotonic() - began < 5
    assert probe.failure is not None
    assert probe.failure.error_type == "timeout"


def test_probe_of_a_slow_answer_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "ANSWER_TIMEOUT_S", 0.1)

    probe = probing.probe(dummy(delay_s=60))

    assert probe.failure is not None
    assert probe.failure.error_type == "timeout"


def test_probe_obeys_the_policy(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    probe = probing.probe(BackendSpec("groq", "m", "https://api.groq.com/openai/v1"))

    assert probe.failure is not None
    assert probe.failure.error_type == "remote_not_allowed"


def test_probe_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    specs: list[BackendSpec] = []

    def remember(spec: BackendSpec) -> Any:
        specs.append(spec)
        raise BackendUnavailable("Enough was seen.")

    monkeypatch.setattr(probing, "build", remember)
    probing.probe(BackendSpec("dummy", "dummy", max_retries=5))

    assert [spec.max_retries for spec in specs] == [0]


@pytest.mark.parametrize("healthy", [True, False])
def test_probe_closes_the_backend(monkeypatch: pytest.MonkeyPatch, healthy: bool) -> None:
    workshop = Workshop(healthy=healthy)
    monkeypatch.setattr(building.registry, "build", workshop.build)

    probing.probe(dummy())

    assert [backend.closed for backend in workshop.built] == [1]


def test_probe_works_beside_a_running_event_loop() -> None:
    async def scenario() -> list[probing.Probe]:
        found: list[probing.Probe] = []
        thread = threading.Thread(target=lambda: found.append(probing.probe(dummy())))
        thread.start()
        thread.join()
        return found

    assert [probe.is_ok for probe in run_async(scenario())] == [True]


def test_fetch_models_lists_what_the_service_has() -> None:
    assert probing.fetch_models(dummy()) == ("dummy",)


def test_fetch_models_needs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{servers.free_port()}"

    with pytest.raises(BackendUnavailable):
        probing.fetch_models(BackendSpec("vllm", "", address))


def test_fetch_models_says_where_a_provider_cannot_tell() -> None:
    options = {"body": {"p": "{{prompt}}"}, "text_path": "text"}

    with pytest.raises(UnsupportedFeature):
        probing.fetch_models(BackendSpec("http-generic", "", "http://127.0.0.1:9", options=options))


def test_fetch_models_obeys_the_policy(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        probing.fetch_models(BackendSpec("groq", "m", "https://api.groq.com/openai/v1"))
