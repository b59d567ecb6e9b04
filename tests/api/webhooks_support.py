"""Webhooks, as the tests of the API register them."""

from __future__ import annotations

from typing import Any

from tests.api.callers import Caller
from webhooks.models import WebhookEndpoint

URL = "/api/v1/webhooks"
RECEIVER = "http://127.0.0.1:9/hooks"


def register(caller: Caller, url: str = RECEIVER, **fields: Any) -> dict[str, Any]:
    response = caller.post(URL, json={"url": url, **fields})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def path_of(body: dict[str, Any]) -> str:
    return f"{URL}/{body['id']}"


def row_of(body: dict[str, Any]) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(pk=body["id"])
