"""Every operation asks for a key with the right scope, and refuses in the same form."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import httpx
import pytest
from django.db import OperationalError
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from tests.api.callers import Caller

SOME = f"/api/v1/generations/{uuid.UUID(int=7)}"
SUBMIT = ("POST", "/api/v1/generations")
CANCEL = ("POST", f"{SOME}/cancel")
READS = [("GET", "/api/v1/generations"), ("GET", SOME), ("GET", f"{SOME}/events")]
OPERATIONS = [SUBMIT, CANCEL, *READS]


def error_of(response: httpx.Response) -> dict[str, str | None]:
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "type", "param"]
    assert response.headers["X-Request-ID"]
    return body["error"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_request_without_a_key_is_refused(anonymous: httpx.Client, method: str, path: str) -> None:
    response = anonymous.request(method, path)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert error_of(response)["code"] == "invalid_api_key"
    assert "Authorization: Bearer" in error_of(response)["message"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("key", ["co_0000000000_wrong", "ÿþ", "x" * 5000])
def test_request_with_an_unknown_key_is_refused(
    anonymous: httpx.Client, method: str, path: str, key: str
) -> None:
    response = anonymous.request(method, path, headers={"x-api-key": key.encode("latin-1")})

    assert response.status_code == 401
    assert error_of(response)["code"] == "invalid_api_key"


@pytest.mark.parametrize("change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_revoked_and_expired_keys_are_refused_at_once(member: Caller, change: dict[str, object]) -> None:
    assert member.get("/api/v1/generations").status_code == 200

    ApiKey.objects.filter(pk=member.key.pk).update(**change)

    assert member.get("/api/v1/generations").status_code == 401


def test_key_is_taken_from_x_api_key_as_well(anonymous: httpx.Client) -> None:
    secret = issuing.issue(name="robot", scopes=["read"]).secret.reveal()

    assert anonymous.get("/api/v1/generations", headers={"x-api-key": secret}).status_code == 200


@pytest.mark.parametrize(
    ("scope", "operations"),
    [("generate", OPERATIONS), ("read", READS), ("manage", [CANCEL, *READS])],
)
def test_each_scope_opens_its_operations_and_no_others(
    call_as: Callable[..., Caller], scope: str, operations: list[tuple[str, str]]
) -> None:
    caller = call_as(scope)

    refused = [
        (method, path) for method, path in OPERATIONS if caller.request(method, path).status_code == 403
    ]

    assert refused == [operation for operation in OPERATIONS if operation not in operations]


def test_missing_scope_is_named(call_as: Callable[..., Caller]) -> None:
    response = call_as("read").post("/api/v1/generations", json={"prompt": "Hello"})

    assert response.status_code == 403
    assert error_of(response)["code"] == "permission_denied"
    assert "generate" in error_of(response)["message"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_request_that_passed_through_here_before_is_refused(
    member: Caller, anonymous: httpx.Client, method: str, path: str
) -> None:
    for client in (member, anonymous):
        response = client.request(method, path, headers={"X-Changeover-Hop": "1"})

        assert response.status_code == 508
        assert error_of(response)["code"] == "loop_detected"


def test_database_failure_is_answered_with_a_time_to_try_again(
    member: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("could not connect to db-host-7:5432")

    monkeypatch.setattr("api.authentication.authenticate", fail)

    response = member.get("/api/v1/generations")

    assert response.status_code == 503
    assert error_of(response)["code"] == "backend_unavailable"
    assert int(response.headers["Retry-After"]) > 0
    assert "db-host-7" not in response.text


def test_unexpected_failure_is_answered_in_form_and_logged_with_its_cause(
    member: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret cause")

    monkeypatch.setattr("api.authentication.authenticate", fail)

    response = member.get("/api/v1/generations", headers={"X-Request-ID": "trace-me"})

    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert "secret cause" not in response.text
    assert response.headers["X-Request-ID"] == "trace-me"
    assert "a secret cause" in caplog.text
