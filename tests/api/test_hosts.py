"""ALLOWED_HOSTS on the paths of the API, which Django's CommonMiddleware does not see."""

from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize(
    "path", ["/api/v1/generations", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/nope"]
)
def test_host_that_is_not_allowed_is_refused_in_form(anonymous: httpx.Client, path: str) -> None:
    response = anonymous.get(path, headers={"Host": "elsewhere.example"})

    assert response.status_code == 422
    assert response.json()["error"]["param"] == "Host"
    assert response.headers["X-Request-ID"]
    assert "elsewhere" not in response.text


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_may_ask_by_any_name(anonymous: httpx.Client, path: str) -> None:
    assert anonymous.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200
