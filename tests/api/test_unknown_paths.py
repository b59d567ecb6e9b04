"""What no operation answers is still an error in the form of all others."""

from __future__ import annotations

import logging

import httpx
import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from api import fallbacks
from tests.api.callers import Caller


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nope",
        "/api/v2/generations",
        "/api/v1/generations/",
        "/api/%00",
        "/api/%ff%fe",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_path_is_not_found(anonymous: httpx.Client, method: str, path: str) -> None:
    response = anonymous.request(method, path)

    assert response.status_code in (404, 405)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-ID"]
    assert response.json()["error"]["code"] in ("not_found", "method_not_allowed")


def test_unknown_path_points_to_the_documentation(anonymous: httpx.Client) -> None:
    message = anonymous.get("/api/v1/nope").json()["error"]["message"]

    assert "/api/v1/docs" in message
    assert anonymous.get("/api/v1/docs").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/generations", {"GET", "POST"}),
        ("PUT", "/api/v1/generations/00000000-0000-7000-8000-000000000000", {"GET"}),
        ("POST", "/api/v1/generations/00000000-0000-7000-8000-000000000000/events", {"GET"}),
        ("GET", "/api/v1/generations/00000000-0000-7000-8000-000000000000/cancel", {"POST"}),
        ("POST", "/api/v1/openapi.json", {"GET", "HEAD"}),
        ("POST", "/api/v1/docs", {"GET", "HEAD"}),
        ("OPTIONS", "/api/v1/generations", {"GET", "POST"}),
    ],
)
def test_wrong_method_is_refused_with_those_allowed(
    member: Caller, method: str, path: str, allowed: set[str]
) -> None:
    response = member.request(method, path)

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == allowed
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("fallback", "status", "code"),
    [
        (fallbacks.bad_request, 400, "invalid_request"),
        (fallbacks.permission_denied, 403, "permission_denied"),
        (fallbacks.not_found, 404, "not_found"),
    ],
)
def test_fallbacks_answer_api_paths_in_form_and_pages_as_pages(fallback, status: int, code: str) -> None:
    cause = Exception("a secret cause")

    answer: HttpResponse = fallback(RequestFactory().get("/api/v1/x"), cause)
    page: HttpResponse = fallback(RequestFactory().get("/x"), cause)

    assert f'"code": "{code}"' in answer.content.decode()
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")
    assert "secret cause" not in answer.content.decode()


def test_server_error_has_the_form_of_all_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    answer = fallbacks.server_error(RequestFactory().get("/api/v1/x"))
    page = fallbacks.server_error(RequestFactory().get("/x"))

    assert answer.status_code == page.status_code == 500
    assert '"code": "internal_error"' in answer.content.decode()
    assert page["Content-Type"].startswith("text/html")
