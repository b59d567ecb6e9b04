"""What a client sees of the deliveries to its webhooks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.callers import Caller
from tests.api.webhooks_support import path_of, register, row_of
from tests.webhooks.endpoints_support import a_delivery, a_failed_delivery
from webhooks.models import AttemptOutcome, DeliveryStatus, WebhookAttempt, WebhookDelivery


@pytest.fixture
def member(call_as: Callable[..., Caller]) -> Caller:
    return call_as("webhooks")


@pytest.fixture
def path(member: Caller) -> str:
    return f"{path_of(register(member))}/deliveries"


def the_row(path: str) -> Any:
    return row_of({"id": path.split("/")[4]})


def test_delivery_is_shown_with_its_attempts_and_without_staffs_reason(member: Caller, path: str) -> None:
    delivery = a_failed_delivery(the_row(path), reason="10.1.2.3 refused us: OUTGOING_ZONES")

    response = member.get(f"{path}/msg_{delivery.message_id.hex}")

    body = response.json()
    assert body["object"] == "webhook_delivery"
    assert (body["type"], body["status"]) == ("generation.failed", "failed")
    assert body["generation_id"] == str(delivery.job_id)
    assert body["next_attempt_at"] is None
    assert [
        (each["number"], each["outcome"], each["http_status"], each["duration_s"])
        for each in body["attempts"]
    ] == [(1, "connection_failed", None, 0.25), (2, "http_status", 500, 0.25)]
    assert "10.1.2.3" not in response.text
    assert "ZONES" not in response.text
    assert body == member.get(path).json()["data"][0]


def test_of_many_attempts_the_latest_are_shown_with_their_number(member: Caller, path: str) -> None:
    endpoint = the_row(path)
    often, seldom = a_delivery(endpoint, attempts=50), a_delivery(endpoint, attempts=2)
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(delivery=delivery, number=number, started_at=delivery.created_at, duration_s=0.1)
        for delivery in (often, seldom)
        for number in range(1, delivery.attempts + 1)
    )
    WebhookAttempt.objects.update(outcome=AttemptOutcome.TIMEOUT)

    page = member.get(path).json()["data"]

    shown = [(each["attempt_count"], [one["number"] for one in each["attempts"]]) for each in page]
    assert shown == [(2, [1, 2]), (50, list(range(31, 51)))]
    assert member.get(f"{path}/msg_{often.message_id.hex}").json() == page[1]


@pytest.mark.parametrize("outcome", list(AttemptOutcome))
def test_every_outcome_is_a_word_of_the_api(member: Caller, path: str, outcome: AttemptOutcome) -> None:
    delivery = a_failed_delivery(the_row(path))
    WebhookAttempt.objects.update(outcome=outcome)

    body = member.get(f"{path}/msg_{delivery.message_id.hex}").json()

    assert body["attempts"][0]["outcome"] == outcome.value


def test_list_shows_the_newest_first_and_filters_by_status(member: Caller, path: str) -> None:
    endpoint = the_row(path)
    failed, pending = a_failed_delivery(endpoint), a_delivery(endpoint)

    def listed(**parameters: str) -> list[str]:
        return [each["id"] for each in member.get(path, params=parameters).json()["data"]]

    assert listed() == [f"msg_{each.message_id.hex}" for each in (pending, failed)]
    assert listed(status="failed") == [f"msg_{failed.message_id.hex}"]
    assert listed(status="delivered") == []


def test_list_pages_through_all_of_them_once(member: Caller, path: str) -> None:
    made = [a_delivery(the_row(path)) for _ in range(5)]

    seen, cursor = [], None
    for _ in range(3):
        page = member.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]

    assert seen == [f"msg_{each.message_id.hex}" for each in reversed(made)]
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("status=done", "status"),
        ("status=", "status"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "a" * 500, "cursor"),
        ("cursor=__________8", "cursor"),
        ("page=2", "page"),
        ("limit=2&limit=3", "limit"),
    ],
)
def test_wrong_parameter_is_named(member: Caller, path: str, query: str, param: str) -> None:
    response = member.get(f"{path}?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["param"] == param


def test_delivery_is_sent_again_under_the_same_id(member: Caller, path: str) -> None:
    delivery = a_failed_delivery(the_row(path))
    url = f"{path}/msg_{delivery.message_id.hex}"

    response = member.post(f"{url}/redeliver")

    delivery.refresh_from_db()
    assert response.status_code == 202
    assert response.headers["Location"] == url
    assert response.json()["id"] == f"msg_{delivery.message_id.hex}"
    assert delivery.status == DeliveryStatus.PENDING
    assert WebhookDelivery.objects.count() == 1


def test_nothing_is_sent_again_while_the_webhook_is_off(member: Caller, path: str) -> None:
    delivery = a_failed_delivery(the_row(path))
    member.patch(path.removesuffix("/deliveries"), json={"enabled": False})

    response = member.post(f"{path}/msg_{delivery.message_id.hex}/redeliver")

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "conflict"


def test_delivery_is_not_found_under_another_webhook(
    member: Caller, path: str, call_as: Callable[..., Caller]
) -> None:
    delivery = a_failed_delivery(the_row(path))
    other = call_as("webhooks")
    elsewhere = f"{path_of(register(other))}/deliveries"

    answers: list[httpx.Response] = []
    for message in (
        f"msg_{delivery.message_id.hex}",
        f"msg_{uuid.uuid4().hex}",
        "msg_",
        "x",
        str(uuid.uuid4()),
    ):
        answers += [other.get(f"{elsewhere}/{message}"), other.post(f"{elsewhere}/{message}/redeliver")]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
