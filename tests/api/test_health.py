from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from django.db import OperationalError

from llmconfigs.models import LLMConfig

CONNECT = "django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection"


def test_livez_answers_without_the_database(anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(CONNECT, _down)
        response = anonymous.get("/livez")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_names_the_parts_that_are_ready(anonymous: httpx.Client) -> None:
    response = anonymous.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "parts": {"database": "ok", "configuration": "ok"}}


def test_readyz_fails_without_the_database(anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(CONNECT, _down)
        response = anonymous.get("/readyz")

    assert response.status_code == 503
    assert response.json()["status"] == "not ok"
    assert response.json()["parts"]["database"] == "not ok"
    assert "secret-host" not in response.text


def test_readyz_fails_when_the_active_configuration_cannot_be_used(
    anonymous: httpx.Client, activate: Callable[..., LLMConfig]
) -> None:
    activate(provider="gone-provider")

    response = anonymous.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"] == {"database": "ok", "configuration": "not ok"}
    assert "gone-provider" not in response.text


def _down(self: object) -> None:
    raise OperationalError("secret-host is down")
