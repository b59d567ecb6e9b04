"""Registering webhooks, changing, testing and removing them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from audit.models import AuditEvent
from llmbackends.zone_setting import parse_zones
from tests.api.callers import Caller
from tests.api.webhooks_support import RECEIVER, URL, path_of, register, row_of
from tests.webhooks.endpoints_support import disable
from webhooks import endpoints
from webhooks.models import DisabledBecause, WebhookDelivery, WebhookEndpoint

ALL_EVENTS = ["generation.completed", "generation.failed", "generation.cancelled"]
NO_ID = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def member(call_as: Callable[..., Caller]) -> Caller:
    return call_as("webhooks")


@pytest.fixture
def stranger(call_as: Callable[..., Caller]) -> Caller:
    return call_as("webhooks", "generate", "read")


@pytest.fixture
def manager(call_as: Callable[..., Caller]) -> Caller:
    return call_as("webhooks", "manage")


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert list(response.json()["error"]) == ["code", "message", "type", "param"]
    error: dict[str, Any] = response.json()["error"]
    return error


def test_webhook_is_registered_with_a_secret_that_is_never_shown_again(member: Caller) -> None:
    response = member.post(URL, json={"url": RECEIVER})

    body = response.json()
    secret = body.pop("secret")
    assert response.status_code == 201
    assert response.headers["Location"] == path_of(body)
    assert response.headers["Cache-Control"] == "no-store"
    assert secret.startswith("whsec_")
    assert (body["object"], body["url"], body["events"]) == ("webhook", RECEIVER, ALL_EVENTS)
    assert (body["enabled"], body["disabled_at"], body["disabled_reason"]) == (True, None, None)
    assert body == member.get(path_of(body)).json() == member.get(URL).json()["data"][0]


def test_registration_is_in_the_trail_with_the_key_and_the_request(member: Caller) -> None:
    member.post(URL, json={"url": RECEIVER}, headers={"X-Request-ID": "trace-me"})

    event = AuditEvent.objects.get(action="webhook.registered")
    assert (event.actor_id, event.actor_name) == (None, f"API key {member.key}")
    assert (event.address, event.request_id) == ("127.0.0.1", "trace-me")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "https://user:pw@127.0.0.1/"}, "url"),
        ({"url": "https://127.0.0.1/#here"}, "url"),
        ({"url": "https://127.0.0.1/" + "a" * 500}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data/iam"}, "url"),
        ({"url": RECEIVER, "description": "a" * 201}, "description"),
        ({"url": RECEIVER, "description": "a\x00b"}, "description"),
        ({"url": RECEIVER, "events": []}, "events"),
        ({"url": RECEIVER, "events": ["webhook.test"]}, "events[0]"),
        ({"url": RECEIVER, "events": ["generation.failed"] * 2}, "events"),
        ({"url": RECEIVER, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "secret"),
        ({"url": RECEIVER, "key": 1}, "key"),
        ({"url": RECEIVER, "enabled": False}, "enabled"),
    ],
)
def test_wrong_field_is_named(member: Caller, body: dict[str, Any], param: str) -> None:
    error = error_of(member.post(URL, json=body), 422)

    assert (error["code"], error["param"]) == ("invalid_request", param)
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b'{"url": "a", "url": "b"}', b"\xff"])
def test_body_that_is_no_object_is_refused(member: Caller, content: bytes) -> None:
    response = member.post(URL, content=content, headers={"Content-Type": "application/json"})

    assert error_of(response, 422)["code"] == "invalid_request"


def test_body_that_is_not_json_is_refused(member: Caller) -> None:
    assert error_of(member.post(URL, data={"url": RECEIVER}), 422)["param"] == "Content-Type"


def test_host_elsewhere_is_refused_without_a_word_of_the_networks(member: Caller, settings: Any) -> None:
    settings.WEBHOOK_ZONES = parse_zones("apps=10.2.0.0/16")
    settings.LLM_ALLOW_REMOTE = False

    answers = [
        error_of(member.post(URL, json={"url": url}), 422)
        for url in (RECEIVER, "https://no-such-host.invalid/", "https://10.3.0.1/")
    ]

    assert len({answer["message"] for answer in answers}) == 1
    assert "10." not in answers[0]["message"]
    assert "apps" not in answers[0]["message"]


def test_conflicts_are_told(member: Caller, settings: Any) -> None:
    settings.WEBHOOK_ENDPOINTS_PER_KEY = 1
    register(member)

    assert error_of(member.post(URL, json={"url": f"{RECEIVER}/2"}), 409)["code"] == "conflict"
    settings.WEBHOOK_ENDPOINTS_PER_KEY = 2
    assert "already" in error_of(member.post(URL, json={"url": RECEIVER}), 409)["message"]


def test_webhook_is_changed(member: Caller) -> None:
    body = register(member)
    changes = {"url": f"{RECEIVER}/new", "description": "Orders", "events": ["generation.failed"]}

    changed = member.patch(path_of(body), json=changes).json()

    assert changed == member.get(path_of(body)).json()
    assert {name: changed[name] for name in changes} == changes
    assert "secret" not in changed


@pytest.mark.parametrize(
    "body", [{"enabled": "yes"}, {"enabled": 1}, {"events": []}, {"url": "x"}, {"id": NO_ID}, {"secret": "x"}]
)
def test_wrong_change_changes_nothing(member: Caller, body: dict[str, Any]) -> None:
    registered = register(member)

    error = error_of(member.patch(path_of(registered), json=body), 422)

    assert error["param"] == next(iter(body))
    assert "secret" not in (now := member.get(path_of(registered)).json())
    assert now.items() <= registered.items()


def test_webhook_is_switched_off_and_on(member: Caller) -> None:
    path = path_of(register(member))

    off = member.patch(path, json={"enabled": False}).json()
    on = member.patch(path, json={"enabled": True}).json()

    assert (off["enabled"], off["disabled_reason"]) == (False, "client")
    assert datetime.fromisoformat(off["disabled_at"])
    assert (on["enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)


@pytest.mark.parametrize(
    ("because", "reason", "status"),
    [
        (DisabledBecause.STAFF, "administrator", 409),
        (DisabledBecause.FAILING, "failing", 200),
        (DisabledBecause.GONE, "gone", 200),
    ],
)
def test_client_sees_why_it_was_switched_off_and_whether_that_is_for_good(
    member: Caller, because: DisabledBecause, reason: str, status: int
) -> None:
    body = register(member)
    disable(row_of(body), because)

    assert member.get(path_of(body)).json()["disabled_reason"] == reason
    assert member.patch(path_of(body), json={"enabled": True}).status_code == status


def test_secret_is_rotated(member: Caller) -> None:
    body = register(member)
    path = f"{path_of(body)}/rotate-secret"

    response = member.post(path, json={"keep_old_for_s": 60})
    refused = member.post(path)
    at_once = member.post(path, json={"keep_old_for_s": 0.0})

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["secret"] not in (body["secret"], at_once.json()["secret"])
    assert response.json()["previous_secret_valid_until"]
    assert error_of(refused, 409)["code"] == "conflict"
    assert at_once.json()["previous_secret_valid_until"] is None
    assert row_of(body).secret.reveal().reveal() == at_once.json()["secret"]


def test_secret_is_rotated_without_a_body(member: Caller) -> None:
    body = register(member)

    response = member.post(f"{path_of(body)}/rotate-secret")

    assert response.status_code == 200, response.text
    left = (
        datetime.fromisoformat(response.json()["previous_secret_valid_until"]) - datetime.now().astimezone()
    )
    assert 23 < left.total_seconds() / 3600 <= 24


@pytest.mark.parametrize("seconds", [-1, 1.5, "60", None, True, 1e300, endpoints.MOST_KEEP_OLD_FOR_S + 1])
def test_time_that_is_none_is_refused(member: Caller, seconds: Any) -> None:
    body = register(member)

    response = member.post(f"{path_of(body)}/rotate-secret", json={"keep_old_for_s": seconds})

    assert error_of(response, 422)["param"] == "keep_old_for_s"


def test_test_is_sent(member: Caller) -> None:
    body = register(member)

    response = member.post(f"{path_of(body)}/test")

    delivery = WebhookDelivery.objects.get()
    assert response.status_code == 202
    assert response.json()["type"] == "webhook.test"
    assert response.json()["generation_id"] is None
    assert response.json()["id"] == f"msg_{delivery.message_id.hex}"
    assert member.get(response.headers["Location"]).json()["id"] == response.json()["id"]


def test_test_of_a_webhook_that_is_off_is_refused(member: Caller) -> None:
    path = path_of(register(member))
    member.patch(path, json={"enabled": False})

    assert error_of(member.post(f"{path}/test"), 409)["code"] == "conflict"


def test_removed_webhook_is_nowhere(member: Caller, manager: Caller) -> None:
    path = path_of(register(member))

    response = member.delete(path)

    assert (response.status_code, response.content) == (204, b"")
    for caller in (member, manager):
        assert caller.get(URL).json()["data"] == []
        assert error_of(caller.get(path), 404)["code"] == "not_found"
        assert error_of(caller.get(f"{path}/deliveries"), 404)["code"] == "not_found"
        assert error_of(caller.delete(path), 404)["code"] == "not_found"
        assert error_of(caller.patch(path, json={"enabled": True}), 404)["code"] == "not_found"
    assert AuditEvent.objects.get(action="webhook.removed").actor_name == f"API key {member.key}"


def changes_of(path: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        ("PATCH", path, {"json": {"url": f"{RECEIVER}/mine"}}),
        ("POST", f"{path}/rotate-secret", {"json": {}}),
        ("POST", f"{path}/test", {}),
        ("POST", f"{path}/deliveries/msg_{uuid.uuid4().hex}/redeliver", {}),
        ("DELETE", path, {}),
    ]


def test_strangers_webhook_does_not_exist(member: Caller, stranger: Caller) -> None:
    body = register(member)
    path = path_of(body)

    answers = [stranger.get(path), stranger.get(f"{path}/deliveries")]
    answers += [stranger.request(method, url, **more) for method, url, more in changes_of(path)]
    nowhere = stranger.get(f"{URL}/{NO_ID}")

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.text for answer in answers} == {nowhere.text}
    assert stranger.get(URL).json()["data"] == []
    assert row_of(body).url == RECEIVER


def test_manager_sees_the_webhooks_of_all_and_changes_none(member: Caller, manager: Caller) -> None:
    own, foreign = register(manager), register(member)
    path = path_of(foreign)

    listed = [each["id"] for each in manager.get(URL).json()["data"]]
    answers = [manager.request(method, url, **more) for method, url, more in changes_of(path)]

    assert listed == [foreign["id"], own["id"]]
    assert manager.get(path).json()["id"] == foreign["id"]
    assert manager.get(f"{path}/deliveries").json()["data"] == []
    assert {error_of(answer, 403)["code"] for answer in answers} == {"permission_denied"}
    assert row_of(foreign).url == RECEIVER


def test_list_pages_through_all_of_them_once(member: Caller) -> None:
    ids = [register(member, f"{RECEIVER}/{number}")["id"] for number in range(5)]

    seen, cursor = [], None
    for _ in range(3):
        page = member.get(URL, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]

    assert seen == list(reversed(ids))
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=x", "cursor"), ("page=2", "page")],
)
def test_wrong_parameter_is_named(member: Caller, query: str, param: str) -> None:
    assert error_of(member.get(f"{URL}?{query}"), 422)["param"] == param


@pytest.mark.parametrize("wrong", ["x", "0", f"{NO_ID}x", "%00", "%2e%2e", "ü" * 100])
def test_what_is_no_id_is_not_found(member: Caller, wrong: str) -> None:
    for path in (f"{URL}/{wrong}", f"{URL}/{wrong}/deliveries", f"{URL}/{wrong}/deliveries/{wrong}"):
        assert error_of(member.get(path), 404)["code"] == "not_found"


def test_registering_counts_towards_the_limits_of_the_key(member: Caller) -> None:
    member.key.requests_per_minute = 2
    member.key.save(update_fields=["requests_per_minute"])

    first = member.post(URL, json={"url": RECEIVER})
    path = path_of(first.json())
    second = member.post(f"{path}/test")
    third = member.post(f"{path}/test")

    assert first.headers["X-RateLimit-Remaining-Requests"] == "1"
    assert second.status_code == 202
    assert error_of(third, 429)["code"] == "rate_limit_exceeded"
    assert third.headers["Retry-After"]


def test_method_that_is_none_is_told_which_there_are(member: Caller) -> None:
    response = member.put(path_of(register(member)), json={})

    assert error_of(response, 405)["code"] == "method_not_allowed"
    assert set(response.headers["Allow"].split(", ")) >= {"GET", "PATCH", "DELETE"}
