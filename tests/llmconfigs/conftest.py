"""Models are imported inside the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import structlog
from django.test import Client

if TYPE_CHECKING:
    from llmconfigs.models import LLMConfig


class MakeConfig(Protocol):
    def __call__(self, name: str = ..., **values: Any) -> LLMConfig: ...


class ClientWith(Protocol):
    def __call__(self, *permissions: str) -> Client: ...


@pytest.fixture(autouse=True)
def _fresh_process_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins like a process that has read and warned of nothing yet."""
    from llmconfigs import active, environment
    from llmconfigs.selection import Selection

    monkeypatch.setattr(active, "_selection", Selection())
    monkeypatch.setattr(environment, "_warned", set())


@pytest.fixture(autouse=True)
def _zone_of_the_tests(settings: Any) -> None:
    """Names that rows of the tests may have, none of which anybody looks up."""
    from llmbackends.zone_setting import parse_zones
    from llmbackends.zones import LOOPBACK

    named = parse_zones("gpu=gpu, gpu-box, elsewhere, *.internal, *.example.org")
    settings.OUTGOING_ZONES = (LOOPBACK, *named)


@pytest.fixture
def make_config(db: None) -> MakeConfig:
    from llmconfigs.models import LLMConfig

    def make(name: str = "example", **values: Any) -> LLMConfig:
        config: LLMConfig = LLMConfig.objects.create(name=name, **({"provider": "dummy"} | values))
        return config

    return make


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def client_with(db: None) -> ClientWith:
    """A staff member's browser, with the named permissions on configurations: "view", "change" …"""
    from django.contrib.auth.models import Permission, User

    def log_in(*permissions: str) -> Client:
        user = User.objects.create_user("staff-" + "-".join(permissions), is_staff=True)
        codenames = [f"{each}_llmconfig" for each in permissions]
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return log_in
