"""To which URLs webhooks may go."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from llmbackends.zone_setting import parse_zones
from llmbackends.zones import LOOPBACK
from tests import names
from webhooks import policy
from webhooks.errors import UrlRefused

ELSEWHERE = "No webhooks are sent to this address"


@pytest.fixture(autouse=True)
def _installation(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that keeps its model servers apart from what its clients run."""
    settings.OUTGOING_ZONES = parse_zones("gpu=10.1.0.0/16, llm.bank.internal")
    settings.WEBHOOK_ZONES = (LOOPBACK, *parse_zones("apps=10.2.0.0/16, app.bank.internal, *.lab.internal"))
    settings.LLM_ALLOW_REMOTE = False
    settings.OWN_PORTS = frozenset({5432})
    names.install(monkeypatch, inside=[["10.2.3.4"]], models=[["10.1.3.4"]], outside=[["93.184.215.14"]])


@pytest.mark.parametrize(
    "url",
    [
        "http://10.2.0.9/hooks",
        "https://10.2.0.9:8443/hooks?of=orders",
        "http://app.bank.internal/hooks",
        "https://any.lab.internal/",
        "http://127.0.0.1:9000",
        "http://inside/hooks",
    ],
)
def test_url_in_a_listed_zone_is_reachable(url: str) -> None:
    assert policy.require_reachable(url).host in url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.0.9/",
        "https://llm.bank.internal/",
        "https://models/hooks",
        "https://outside/hooks",
        "https://8.8.8.8/",
        "https://nobody-knows/hooks",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:5432/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::ffff:169.254.169.254]/",
    ],
)
def test_host_elsewhere_is_refused_without_a_word_of_the_networks(url: str) -> None:
    with pytest.raises(UrlRefused, match=ELSEWHERE) as refused:
        policy.require_reachable(url)

    assert refused.value.param == "url"
    assert "zone" not in refused.value.message.lower()
    assert "10." not in refused.value.message


def test_reason_is_in_the_log() -> None:
    with capture_logs() as logs, pytest.raises(UrlRefused):
        policy.require_reachable("https://models/hooks")

    assert "models (10.1.3.4)" in logs[0]["reason"]
    assert "WEBHOOK_ZONES" in logs[0]["reason"]


def test_internet_is_for_https_alone_and_where_it_is_allowed(settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = True

    assert policy.require_reachable("https://outside/hooks").port == 443
    with pytest.raises(UrlRefused, match=ELSEWHERE):
        policy.require_reachable("http://outside/hooks")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks",
        "//10.2.0.9/",
        "ftp://10.2.0.9/",
        "file:///etc/passwd",
        "unix:///run/docker.sock",
        "javascript:alert(1)",
        "https://",
        "https:///hooks",
        "https://user@10.2.0.9/",
        "https://user:password@10.2.0.9/",
        "https://10.2.0.9\\@evil.example/",
        "https://10.2.0.9:port/",
        "https://10.2.0.9:99999/",
        "https://10.2.0.9/a b",
        "https://10.2.0.9/\r\nHost: evil.example",
        "https://10.2.0.9/\x00",
        "https://[::1/",
        " https://10.2.0.9/",
    ],
)
def test_url_that_is_no_plain_one_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused, match="plain URL"):
        policy.require_reachable(url)


@pytest.mark.parametrize("url", ["https://10.2.0.9/#top", "https://10.2.0.9/#", "#"])
def test_fragment_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused, match="fragment"):
        policy.require_reachable(url)


@pytest.mark.parametrize(
    "url", ["https://bücher.example/", "https://10.2.0.9/ä", "https://\uff11\uff10.2.0.9/"]
)
def test_url_beyond_ascii_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused, match="ASCII"):
        policy.require_reachable(url)


def test_url_that_is_too_long_is_refused() -> None:
    longest = "https://10.2.0.9/" + "a" * (policy.MOST_CHARACTERS - 17)

    policy.require_reachable(longest)
    with pytest.raises(UrlRefused, match="too long"):
        policy.require_reachable(longest + "a")
