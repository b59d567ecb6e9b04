from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from llmbackends.catalog import PROVIDERS
from llmbackends.errors import AddressNotAllowed, ConfigurationError, RemoteNotAllowed, UnknownProvider
from llmbackends.spec import BackendSpec
from llmbackends.zone_setting import parse_zones
from llmbackends.zones import LOOPBACK
from llmconfigs import policy
from llmconfigs.policy import ensure_allowed, ensure_reachable
from tests import names

ON_PREMISE = ["ollama", "llama-cpp", "vllm", "http-generic"]
WITH_ENDPOINT = [provider.id for provider in PROVIDERS if provider.endpoint_required]


@pytest.fixture(autouse=True)
def _production(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False
    settings.OUTGOING_ZONES = (LOOPBACK, *parse_zones("gpu=10.1.0.0/16, llm.bank.internal, *.lab.internal"))
    settings.OWN_PORTS = frozenset({5432, 6379})


@pytest.mark.parametrize("provider", ["groq", "openai", "anthropic", "openrouter"])
def test_remote_provider_is_refused(provider: str) -> None:
    with pytest.raises(RemoteNotAllowed, match="LLM_ALLOW_REMOTE"):
        ensure_allowed(BackendSpec(provider, "m", "http://localhost:1"))


@pytest.mark.parametrize("provider", WITH_ENDPOINT)
@pytest.mark.parametrize("url", ["https://8.8.8.8", "http://[2606:4700::1111]"])
def test_internet_is_allowed_where_the_setting_says_so(settings: Any, provider: str, url: str) -> None:
    settings.LLM_ALLOW_REMOTE = True

    ensure_reachable(BackendSpec(provider, "m", url))


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.id)
def test_default_endpoint_is_allowed_without_a_look_up(
    settings: Any, monkeypatch: pytest.MonkeyPatch, provider: Any
) -> None:
    settings.LLM_ALLOW_REMOTE = True
    resolver = names.install(monkeypatch)

    ensure_reachable(BackendSpec(provider.id, "m", provider.default_endpoint or ""))

    assert resolver.asked == []


@pytest.mark.parametrize("provider", ON_PREMISE)
@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:8000",
        "https://10.1.2.3/v1",
        "http://[::ffff:10.1.2.3]",
        "https://llm.bank.internal",
        "http://LLM.bank.internal.:8000",
        "http://a.lab.internal",
    ],
)
def test_service_in_a_zone_is_allowed(provider: str, url: str) -> None:
    ensure_reachable(BackendSpec(provider, "m", url))


@pytest.mark.parametrize("provider", ON_PREMISE)
@pytest.mark.parametrize(
    "url",
    [
        "https://8.8.8.8",
        "http://10.2.0.1",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]",
        "http://[fe80::1]",
        "http://0.0.0.0:8000",
        "http://[::]:8000",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.1",
        "http://127.0.0.1:5432",
        "http://localhost:6379",
        "http://10.1.2.3:6379",
        "no url",
        "http://[::1",
        "http://localhost@evil.net/",
        "http://localhost\\@evil.net/",
        "http://evil.net\\.lab.internal/",
        "http://local\thost/",
        "http:///path",
    ],
)
def test_service_elsewhere_is_refused_before_any_look_up(
    monkeypatch: pytest.MonkeyPatch, provider: str, url: str
) -> None:
    resolver = names.install(monkeypatch)

    with pytest.raises(AddressNotAllowed) as caught:
        ensure_allowed(BackendSpec(provider, "m", url))

    assert caught.value.details["problems"]
    assert resolver.asked == []


@pytest.mark.parametrize("addresses", [["10.1.0.1"], ["10.1.0.1", "127.0.0.1"], ["::ffff:10.1.0.1"]])
def test_unlisted_name_inside_is_allowed(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    names.install(monkeypatch, box=[addresses])

    ensure_reachable(BackendSpec("vllm", "m", "http://box:8000"))


@pytest.mark.parametrize(
    "addresses", [["10.2.0.1"], ["10.1.0.1", "10.2.0.1"], ["10.1.0.1", "8.8.8.8"], ["169.254.169.254"]]
)
def test_unlisted_name_with_an_address_outside_is_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    names.install(monkeypatch, box=[addresses])
    spec = BackendSpec("vllm", "m", "http://box:8000")

    ensure_allowed(spec)
    with pytest.raises(AddressNotAllowed, match=r"^box \("):
        ensure_reachable(spec)


def test_unlisted_name_that_does_not_exist_is_told_to_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    names.install(monkeypatch)

    with pytest.raises(AddressNotAllowed, match=r"“box” cannot be resolved.*loopback, gpu.*OUTGOING_ZONES"):
        ensure_reachable(BackendSpec("vllm", "m", "http://box:8000"))


def test_look_up_that_hangs_is_waited_for_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [ended.wait(30)][:0])
    monkeypatch.setattr(policy, "LOOK_UP_TIMEOUT_S", 0.05)
    began = time.monotonic()

    with pytest.raises(AddressNotAllowed, match="cannot be resolved"):
        ensure_reachable(BackendSpec("vllm", "m", "http://box:8000"))

    assert time.monotonic() - began < 5
    ended.set()


def test_provider_in_process_calls_nothing() -> None:
    ensure_reachable(BackendSpec("dummy", "m"))


def test_unknown_provider_is_no_matter_of_policy() -> None:
    with pytest.raises(UnknownProvider):
        ensure_allowed(BackendSpec("nonesuch", "m"))


def test_refusal_names_the_host_and_no_credentials() -> None:
    with pytest.raises(ConfigurationError, match=r"8\.8\.8\.8") as caught:
        ensure_allowed(BackendSpec("http-generic", "m", "https://8.8.8.8/v1?key=sk-12345"))

    assert "sk-12345" not in caught.value.message
