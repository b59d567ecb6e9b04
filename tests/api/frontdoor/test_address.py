from __future__ import annotations

from typing import Any

import httpx

from tests.api.callers import Caller

MODELS = "/v1/models"


def test_answers_carry_the_security_headers_of_the_other_paths(member: Caller) -> None:
    here, elsewhere = member.get(MODELS), member.get("/api/v1/generations")

    names = ("x-content-type-options", "referrer-policy", "cross-origin-opener-policy")
    assert [here.headers[name] for name in names] == [elsewhere.headers[name] for name in names]


def test_plain_http_is_sent_to_https_where_the_settings_say_so(settings: Any, member: Caller) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = member.get(f"{MODELS}?a=b")

    assert response.status_code == 301
    assert response.headers["location"] == f"https://{member.base_url.netloc.decode()}/v1/models?a=b"


def test_https_at_a_trusted_proxy_is_not_redirected_and_is_told_to_stay(
    settings: Any, member: Caller
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True

    response = member.get(MODELS, headers={"X-Forwarded-Proto": "https"})

    assert response.status_code == 200
    assert response.headers["strict-transport-security"] == "max-age=60; includeSubDomains"


def test_redirect_leads_to_no_host_of_the_clients_choice(settings: Any, member: Caller) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert member.get(MODELS, headers={"Host": "evil.example"}).status_code == 400


def test_request_id_of_the_client_comes_back(member: Caller) -> None:
    assert member.get(MODELS, headers={"X-Request-ID": "order-1"}).headers["x-request-id"] == "order-1"


def test_request_id_that_could_do_harm_is_replaced(member: Caller) -> None:
    given = member.get(MODELS, headers={"X-Request-ID": "a b\tc"}).headers["x-request-id"]

    assert len(given) == 32


def test_request_id_is_also_where_clients_of_messages_look_for_it(anonymous: httpx.Client) -> None:
    response = anonymous.post("/v1/messages", json={}, headers={"X-Request-ID": "order-1"})

    assert response.headers["request-id"] == "order-1"
    assert response.json()["request_id"] == "order-1"
