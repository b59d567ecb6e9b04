from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import RemoteNotAllowed, UnknownProvider
from llmbackends.spec import BackendSpec
from llmconfigs.policy import ensure_allowed, is_local_host

LOCAL_HOSTS = [
    "localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.1", "::1", "10.1.2.3", "172.16.0.1",
    "172.31.255.255", "192.168.1.10", "fd12:3456::1", "::ffff:10.0.0.1", "gpu-box", "ollama_1", "gpu.local",
    "models.corp.internal", "box.lan", "nas.home.arpa", "llm.example.com", "LLM.Example.COM", "example.com",
]  # fmt: skip
REMOTE_HOSTS = [
    "", "api.openai.com", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "notexample.com",
    "example.com.evil.net", "local.evil.net", "xlocal.net",
    # link-local, where the metadata services of clouds are
    "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254",
    "100.100.100.200", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
    # numbers that some resolvers read as IPv4 addresses
    "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.1", "10.0.0.0x1", "10.0.0.256",
    "127.0.0.1 ", "gpu..local", ".local", "-x.local", "gpu%2elocal",
    "l\u043ecalhost", "\uff11\uff12\uff17.0.0.1", "[::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL_HOSTS)
def test_host_is_local(host: str) -> None:
    assert is_local_host(host, ["example.com"])


@pytest.mark.parametrize("host", REMOTE_HOSTS)
def test_host_is_not_local(host: str) -> None:
    assert not is_local_host(host, ["example.com", ""])


@pytest.mark.parametrize("provider", ["groq", "openai", "anthropic", "openrouter"])
def test_remote_provider_is_refused(settings: Any, provider: str) -> None:
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed, match="LLM_ALLOW_REMOTE"):
        ensure_allowed(BackendSpec(provider, "m", "http://localhost:1"))


@pytest.mark.parametrize("provider", ["groq", "http-generic"])
def test_remote_provider_is_allowed_where_the_setting_says_so(settings: Any, provider: str) -> None:
    settings.LLM_ALLOW_REMOTE = True

    ensure_allowed(BackendSpec(provider, "m", "https://api.example.org"))


@pytest.mark.parametrize("provider", ["ollama", "llama-cpp", "local-llama-cpp", "vllm", "dummy"])
def test_on_premise_provider_is_allowed(settings: Any, provider: str) -> None:
    settings.LLM_ALLOW_REMOTE = False

    ensure_allowed(BackendSpec(provider, "m", "https://llm.example.org"))


def test_unknown_provider_is_no_matter_of_policy(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(UnknownProvider):
        ensure_allowed(BackendSpec("nonesuch", "m"))


@pytest.mark.parametrize(
    "url", ["http://gpu-box:9000/v1", "https://10.0.0.7", "http://[::1]:8000", "http://a.corp"]
)
def test_generic_provider_on_a_local_host_is_allowed(settings: Any, url: str) -> None:
    settings.LLM_ALLOW_REMOTE = False
    settings.LLM_LOCAL_DOMAINS = [".corp"]

    ensure_allowed(BackendSpec("http-generic", "m", url))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org",
        "",
        "no url",
        "http://[::1",
        "http://localhost@evil.net/",
        "http://localhost\\@evil.net/",
        "http://evil.net\\.local/",
        "http://local\thost/",
        "http:///path",
    ],
)
def test_generic_provider_elsewhere_is_refused(settings: Any, url: str) -> None:
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        ensure_allowed(BackendSpec("http-generic", "m", url))


def test_refusal_names_the_host_and_no_credentials(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed, match=r"at api\.example\.org:") as caught:
        ensure_allowed(BackendSpec("http-generic", "m", "https://api.example.org/v1?key=sk-12345"))

    assert "sk-12345" not in caught.value.message
