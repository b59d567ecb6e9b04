"""Checks and lists of models over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends import driver
from llmbackends.base import CheckReport
from llmbackends.errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    ModelNotFound,
    UnsupportedFeature,
)
from tests.asyncio_support import run_async

from . import faults
from .backends import backend_for, backend_with, spec_for
from .fault_server import Fault, FaultServer
from .provider_servers import GENERIC_OPTIONS, MODELS, SERVICES

GENERIC_WITHOUT_LOOK_UPS = {
    name: value
    for name, value in GENERIC_OPTIONS.items()
    if name not in ("check_path", "models_path", "model_names_path")
}


async def check(provider_id: str, *answers: Fault, **changes: Any) -> tuple[CheckReport, FaultServer]:
    async with backend_with(*answers, provider_id=provider_id, **changes) as (backend, server):
        return await backend.check(), server


async def failed_check(provider_id: str, *answers: Fault, **changes: Any) -> BackendError:
    async with backend_with(*answers, provider_id=provider_id, **changes) as (backend, _):
        with pytest.raises(BackendError) as caught:
            await backend.check()
        return caught.value


@pytest.mark.parametrize(
    ("provider_id", "path"),
    [
        ("ollama", "/api/tags"),
        ("llama-cpp", "/health"),
        ("vllm", "/health"),
        ("openai", "/models"),
        ("anthropic", "/models"),
        ("openrouter", "/key"),
        ("http-generic", "/alive"),
    ],
)
def test_check_asks_the_providers_health_route(provider_id: str, path: str) -> None:
    report, server = run_async(check(provider_id, SERVICES[provider_id].play))

    assert [(request.method, request.path) for request in server.requests] == [("GET", path)]
    assert report.took_s > 0


def test_check_is_beside_the_v1_that_an_endpoint_is_given_with() -> None:
    async def scenario() -> list[str]:
        async with FaultServer(SERVICES["vllm"].play) as server:
            spec = spec_for("vllm", f"{server.url}/v1/")
            async with backend_for(spec) as backend:
                await backend.check()
                await backend.list_models()
            return [request.path for request in server.requests]

    assert run_async(scenario()) == ["/health", "/v1/models"]


def test_check_sends_the_key() -> None:
    _, server = run_async(check("openai", SERVICES["openai"].play))

    assert server.requests[0].headers["authorization"] == f"Bearer {SERVICES['openai'].key}"


@pytest.mark.parametrize("model", ["codellama:13b", "codellama:latest", "codellama"])
def test_check_finds_the_model_with_or_without_its_tag(model: str) -> None:
    tags = {"models": [{"name": "codellama:13b"}, {"name": "codellama:latest"}]}

    report, _ = run_async(check("ollama", faults.answer(200, tags), model=model))

    assert "2 models" in report.detail


@pytest.mark.parametrize("model", ["code", "codellama:7b", "CodeLlama:13b"])
def test_check_fails_when_the_model_is_missing(model: str) -> None:
    tags = {"models": [{"name": "codellama:13b"}]}

    error = run_async(failed_check("ollama", faults.answer(200, tags), model=model))

    assert type(error) is ModelNotFound
    assert model in error.message
    assert "codellama:13b" in error.message


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.answer(503, {"error": {"message": "Loading model"}}), BackendUnavailable),
        (faults.answer(401, {}), AuthenticationFailed),
        (faults.answer(200, b"<html>Please log in</html>"), BadAnswer),
    ],
    ids=["loading", "wrong-key", "no-list"],
)
def test_check_fails_as_the_service_does(fault: Fault, expected: type[BackendError]) -> None:
    assert type(run_async(failed_check("openai", fault))) is expected


def test_check_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LOOK_UP_TIMEOUT_S", 0.2)

    error = run_async(failed_check("llama-cpp", faults.silence, timeout_s=60.0), timeout_s=5)

    assert type(error) is BackendTimeout


def test_check_tells_overload_at_once() -> None:
    async def scenario() -> int:
        overloaded = faults.answer(503, {}, retry_after="5")
        async with backend_with(overloaded, max_retries=2) as (backend, server):
            with pytest.raises(BackendUnavailable):
                await backend.check()
            return len(server.requests)

    assert run_async(scenario(), timeout_s=4) == 1


def test_check_survives_one_lost_connection() -> None:
    _, server = run_async(check("llama-cpp", faults.close_before_answer, faults.answer(200, {})))

    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [200, 404, 405])
def test_check_without_a_route_takes_any_answer_for_a_sign_of_life(status: int) -> None:
    report, server = run_async(
        check("http-generic", faults.answer(status, b"?"), options=GENERIC_WITHOUT_LOOK_UPS)
    )

    assert str(status) in report.detail
    assert server.requests[0].method == "GET"


def test_check_without_a_route_fails_on_a_server_error() -> None:
    error = run_async(
        failed_check("http-generic", faults.answer(503, b"?"), options=GENERIC_WITHOUT_LOOK_UPS)
    )

    assert type(error) is BackendUnavailable


def test_list_models_is_sorted() -> None:
    async def scenario() -> tuple[str, ...]:
        async with backend_with(SERVICES["ollama"].play, provider_id="ollama") as (backend, _):
            return await backend.list_models()

    assert run_async(scenario()) == MODELS


def test_list_models_without_a_route_is_unsupported() -> None:
    async def scenario() -> int:
        async with backend_with(
            faults.silence, provider_id="http-generic", options=GENERIC_WITHOUT_LOOK_UPS
        ) as (backend, server):
            with pytest.raises(UnsupportedFeature):
                await backend.list_models()
            return len(server.connections)

    assert run_async(scenario()) == 0
