"""Deliveries in the admin: read with staff's reasons, and sent again."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.people import user_with
from tests.web.browsers import browser_of
from webhooks import deliveries, endpoints
from webhooks.admin import delivery_admin
from webhooks.models import DeliveryStatus, DisabledBecause, WebhookDelivery, WebhookEndpoint

from .endpoints_support import a_delivery, a_failed_delivery, a_key, disable, registered

pytestmark = pytest.mark.django_db

LIST = reverse("admin:webhooks_webhookdelivery_changelist")
VIEW = "webhooks.view_webhookdelivery"


@pytest.fixture
def viewer() -> Client:
    return browser_of(user_with(VIEW, name="vera", is_staff=True))


@pytest.fixture
def operator() -> Client:
    return browser_of(user_with(VIEW, "webhooks.change_webhookdelivery", name="olga", is_staff=True))


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    return registered().endpoint


def page_of(delivery: WebhookDelivery) -> str:
    return reverse("admin:webhooks_webhookdelivery_change", args=[delivery.pk])


def listed(browser: Client, query: str = "") -> set[str]:
    html = browser.get(f"{LIST}?{query}").content.decode()
    return {each.public for each in map(_Shown, WebhookDelivery.objects.all()) if each.public in html}


class _Shown:
    def __init__(self, delivery: WebhookDelivery) -> None:
        self.public = f"msg_{delivery.message_id.hex}"


def redeliver(browser: Client, *rows: WebhookDelivery) -> str:
    data = {"action": "redeliver", "_selected_action": [row.pk for row in rows]}
    return browser.post(LIST, data, follow=True).content.decode()


def test_page_shows_the_message_and_each_attempt_with_its_reason(
    viewer: Client, endpoint: WebhookEndpoint
) -> None:
    delivery = a_failed_delivery(endpoint, reason="10.1.2.3 <refused> us")

    html = viewer.get(page_of(delivery)).content.decode()

    assert f"msg_{delivery.message_id.hex}" in html
    assert "&quot;type&quot;: &quot;generation.completed&quot;" in html
    assert "10.1.2.3 &lt;refused&gt; us" in html
    assert "No connection" in html
    assert "Answered with an error" in html
    assert endpoint.url in html
    assert str(delivery.job_id) in html


def test_page_shows_the_latest_of_many_attempts(
    viewer: Client, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_admin, "MOST_ATTEMPTS", 1)
    delivery = a_failed_delivery(endpoint)

    html = viewer.get(page_of(delivery)).content.decode()

    assert "Answered with an error" in html
    assert "No connection" not in html


def test_body_that_is_not_written_yet_is_told(viewer: Client, endpoint: WebhookEndpoint) -> None:
    html = viewer.get(page_of(a_delivery(endpoint, body=""))).content.decode()

    assert "It is written when it is first sent." in html


def test_list_is_narrowed_by_endpoint_and_status(viewer: Client, endpoint: WebhookEndpoint) -> None:
    other = registered(a_key("other")).endpoint
    failed, pending = _Shown(a_failed_delivery(endpoint)), _Shown(a_delivery(endpoint))
    elsewhere = _Shown(a_delivery(other))

    assert listed(viewer) == {failed.public, pending.public, elsewhere.public}
    assert listed(viewer, f"endpoint={endpoint.pk}") == {failed.public, pending.public}
    assert listed(viewer, "status=failed") == {failed.public}


def test_list_is_searched_by_whole_ids(viewer: Client, endpoint: WebhookEndpoint) -> None:
    one, other = a_delivery(endpoint), a_delivery(endpoint)
    public = _Shown(one).public

    for term in (public, f" {public} ", str(one.message_id), str(one.job_id)):
        assert listed(viewer, f"q={term}") == {public}
    assert listed(viewer, f"q={public[:-1]}") == set()
    assert listed(viewer, f"q={uuid.uuid4()}") == set()
    assert _Shown(other).public in listed(viewer)


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=msg_", "endpoint=%00", "endpoint=x", "status=%00", "p=99999", "q=" + "a" * 5000],
)
def test_list_takes_any_question(viewer: Client, endpoint: WebhookEndpoint, query: str) -> None:
    a_delivery(endpoint)

    assert viewer.get(f"{LIST}?{query}", follow=True).status_code == 200


@pytest.mark.parametrize("lookup", ["endpoint__secret__startswith=g", "endpoint__key__digest=0"])
def test_columns_of_others_are_not_asked_for(viewer: Client, lookup: str) -> None:
    assert viewer.get(f"{LIST}?{lookup}").status_code == 400


def test_list_reads_no_body_and_asks_as_often_for_many_as_for_one(
    viewer: Client, endpoint: WebhookEndpoint
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            viewer.get(LIST)
        return [query["sql"] for query in captured]

    a_delivery(endpoint)
    queries()  # the first request begins the session
    few = queries()
    for number in range(5):
        a_failed_delivery(registered(a_key(f"key {number}")).endpoint)
    many = queries()

    assert len(many) == len(few)
    assert not [sql for sql in many if '"webhooks_webhookdelivery"."body"' in sql]


def test_operator_sends_again_what_an_endpoint_takes(operator: Client, endpoint: WebhookEndpoint) -> None:
    off = registered(a_key("other")).endpoint
    sent, refused = a_failed_delivery(endpoint), a_failed_delivery(off)
    disable(off, DisabledBecause.GONE)

    page = redeliver(operator, sent, refused)

    assert "1 delivery is sent once more, at once." in page
    assert "1 delivery is not sent: its endpoint is switched off." in page
    assert WebhookDelivery.objects.get(status=DeliveryStatus.PENDING) == sent


def test_only_so_many_are_sent_at_once(
    operator: Client, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_AT_ONCE", 2)

    page = redeliver(operator, *[a_failed_delivery(endpoint) for _ in range(3)])

    assert "Only 2 are sent at once. Send the others after that." in page
    assert WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).count() == 2


def test_viewer_sends_nothing(viewer: Client, endpoint: WebhookEndpoint) -> None:
    redeliver(viewer, a_failed_delivery(endpoint))

    assert WebhookDelivery.objects.get().status == DeliveryStatus.FAILED


def test_stranger_sees_nothing(endpoint: WebhookEndpoint) -> None:
    stranger = browser_of(user_with("webhooks.view_webhookendpoint", name="sam", is_staff=True))

    assert stranger.get(LIST).status_code == 403
    assert stranger.get(page_of(a_delivery(endpoint))).status_code == 403


def test_nothing_is_written_by_hand(endpoint: WebhookEndpoint) -> None:
    boss, delivery = browser_of(User.objects.create_superuser("boss")), a_failed_delivery(endpoint)

    saved = boss.post(page_of(delivery), {"status": "delivered", "body": "{}"})
    deleted = boss.post(reverse("admin:webhooks_webhookdelivery_delete", args=[delivery.pk]), {"post": "yes"})

    assert (saved.status_code, deleted.status_code) == (403, 403)
    assert WebhookDelivery.objects.get().status == DeliveryStatus.FAILED


def test_delivery_of_a_removed_endpoint_is_still_shown(viewer: Client, endpoint: WebhookEndpoint) -> None:
    delivery = a_failed_delivery(endpoint)
    endpoints.remove(endpoint)

    html = viewer.get(page_of(delivery)).content.decode()

    assert "http://127.0.0.1:9" in html
    assert endpoint.url not in html
