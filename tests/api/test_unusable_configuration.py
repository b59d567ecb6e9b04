"""The active configuration cannot be used: nothing answers in its place, staff read why, clients do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from generation.models import GenerationJob
from llmbackends.secret import Secret
from llmbackends.zone_setting import parse_zones
from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.llmbackends import faults
from tests.waiting import wait_until
from usage import writer
from usage.models import UsageRecord

URL = "/v1/chat/completions"
HELLO = {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}
KEY = Secret("sk-canary-0123456789")
TOLD = re.compile(r"canary|vllm|decrypt|api key|localhost|127\.0|169\.254|zone|address")


def _cannot_be_decrypted(config: LLMConfig, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


def _belongs_elsewhere(config: LLMConfig, settings: Any) -> None:
    LLMConfig.objects.filter(pk=config.pk).update(endpoint_url="http://localhost:9")


def _leads_to_metadata(config: LLMConfig, settings: Any) -> None:
    """The row as it would be stored past every check."""
    LLMConfig.objects.filter(pk=config.pk).update(endpoint_url="http://169.254.169.254", api_key="")


def _resolves_outside(config: LLMConfig, settings: Any) -> None:
    """What only connecting finds: by its form the name may lead anywhere."""
    settings.OUTGOING_ZONES = parse_zones("gpu=10.1.0.0/16")
    LLMConfig.objects.filter(pk=config.pk).update(endpoint_url="http://localhost:8000", api_key="")


BROKEN = {
    "The stored API key cannot be decrypted": _cannot_be_decrypted,
    "enter the API key again": _belongs_elsewhere,
    "169.254.169.254 is never called": _leads_to_metadata,
    "port 8000, is in none of the zones": _resolves_outside,
}


@pytest.fixture(params=BROKEN)
def reason(
    request: pytest.FixtureRequest,
    settings: Any,
    activate: Callable[..., LLMConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """What staff are told; a service that would answer is running all the time."""
    monkeypatch.setattr("generation.running.execution._FIRST_DELAY_S", 3600.0)
    monkeypatch.setattr("generation.running.execution._LONGEST_DELAY_S", 3600.0)
    settings.LLM_ALLOW_REMOTE = False
    answer = faults.answer(200, {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})
    with upstream.running(answer) as service:
        config = activate("vllm", endpoint_url=service.url, api_key=KEY, max_retries=0)
        BROKEN[request.param](config, settings)
        yield request.param
        assert service.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_request_is_refused_without_a_word_of_the_cause(
    reason: str, member: Caller, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    response = member.post(URL, json={**HELLO, "stream": stream})

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "backend_unavailable"
    assert not TOLD.search(f"{response.text} {response.headers}".lower())
    assert reason in caplog.text
    assert "canary" not in caplog.text
    assert writer.flush(5)
    record = UsageRecord.objects.get(api_key=member.key)
    assert (record.outcome, record.error_code) == ("failed", "backend_unavailable")
    assert (record.prompt_tokens, record.completion_tokens) == (0, 0)


def test_job_fails_and_staff_read_why(reason: str, member: Caller, runner: None) -> None:
    path = member.submit()
    wait_until(lambda: member.get(path).json()["status"] == "failed")

    shown = member.get(path)
    assert shown.json()["error"]["code"] == "backend_unavailable"
    assert not TOLD.search(f"{shown.text} {shown.headers}".lower())
    assert reason in GenerationJob.objects.get().failure_detail
    assert "canary" not in GenerationJob.objects.get().failure_detail
    assert writer.flush(5)
    record = UsageRecord.objects.get(api_key=member.key)
    assert (record.outcome, record.error_code) == ("failed", "backend_unavailable")
