"""Endpoints in the admin: seen by viewers, switched and helped by operators, never with their secrets."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apikeys import issuing
from audit.models import AuditEvent
from tests.people import user_with
from tests.web.browsers import browser_of
from webhooks import endpoints
from webhooks.models import DeliveryStatus, DisabledBecause, WebhookDelivery, WebhookEndpoint

from .endpoints_support import URL, a_failed_delivery, a_key, disable, now_of, registered

pytestmark = pytest.mark.django_db

LIST = reverse("admin:webhooks_webhookendpoint_changelist")
VIEW = ("webhooks.view_webhookendpoint", "webhooks.view_webhookdelivery")
WORK = (*VIEW, "webhooks.change_webhookendpoint", "webhooks.change_webhookdelivery")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def viewer() -> Client:
    return browser_of(user_with(*VIEW, name="vera", is_staff=True))


@pytest.fixture
def operator() -> Client:
    return browser_of(user_with(*WORK, name="olga", is_staff=True))


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    return registered(description="Orders").endpoint


def page_of(endpoint: WebhookEndpoint, name: str = "change") -> str:
    return reverse(f"admin:webhooks_webhookendpoint_{name}", args=[endpoint.pk])


def act(browser: Client, action: str, *rows: WebhookEndpoint) -> str:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(LIST, data, follow=True).content.decode()


def test_list_and_page_show_the_endpoint_and_no_secret(viewer: Client) -> None:
    issued = registered()
    key = issued.endpoint.key

    pages = [viewer.get(address).content.decode() for address in (LIST, page_of(issued.endpoint))]

    for page in pages:
        assert URL in page
        assert str(key) in page
        assert "Switched on" in page
        assert "whsec" not in page
        assert issued.endpoint.secret.token not in page


@pytest.mark.parametrize(
    ("because", "text"),
    [
        (DisabledBecause.CLIENT, "Switched off by the client"),
        (DisabledBecause.STAFF, "Switched off by staff"),
        (DisabledBecause.FAILING, "Failed for days"),
        (DisabledBecause.GONE, "Answered that it is gone (410)"),
    ],
)
def test_list_says_why_an_endpoint_is_off_and_filters_by_it(
    viewer: Client, endpoint: WebhookEndpoint, because: DisabledBecause, text: str
) -> None:
    disable(endpoint, because)
    other = registered(a_key("other"), url="http://127.0.0.1:9/other").endpoint

    page = viewer.get(f"{LIST}?state={because}").content.decode()

    assert text in page.partition('id="result_list"')[2]
    assert other.url not in page


def test_list_says_that_the_key_was_revoked(viewer: Client, endpoint: WebhookEndpoint) -> None:
    issuing.revoke(endpoint.key)

    assert "API key revoked" in viewer.get(LIST).content.decode()


@pytest.mark.parametrize(
    "query", ["state=on", "state=trouble", "state=%00", "state=no-such", "q=%00", "q=shop"]
)
def test_list_takes_any_question(viewer: Client, endpoint: WebhookEndpoint, query: str) -> None:
    assert viewer.get(f"{LIST}?{query}").status_code == 200


@pytest.mark.parametrize("lookup", ["secret__startswith=g", "previous_secret__regex=^g", "key__digest=0"])
def test_columns_that_are_never_shown_are_not_asked_for(viewer: Client, lookup: str) -> None:
    assert viewer.get(f"{LIST}?{lookup}").status_code == 400


def test_removed_endpoint_is_not_shown(viewer: Client, endpoint: WebhookEndpoint) -> None:
    endpoints.remove(endpoint)

    assert URL not in viewer.get(LIST).content.decode()
    assert URL not in viewer.get(page_of(endpoint), follow=True).content.decode()


def test_operator_switches_off_and_on(operator: Client, endpoint: WebhookEndpoint) -> None:
    off = act(operator, "switch_off", endpoint)
    assert now_of(endpoint).disabled_because == DisabledBecause.STAFF
    again = act(operator, "switch_off", endpoint)
    on = act(operator, "switch_on", endpoint)

    assert "1 endpoint is switched off" in off
    assert "1 endpoint stays as it is." in again
    assert "1 endpoint is switched on" in on
    assert now_of(endpoint).disabled_at is None
    events = AuditEvent.objects.filter(action__startswith="webhook.switched").order_by("number")
    assert [(event.action, event.actor_name) for event in events] == [
        ("webhook.switched_off", "olga"),
        ("webhook.switched_on", "olga"),
    ]


def test_operator_sends_a_test(operator: Client, endpoint: WebhookEndpoint) -> None:
    off = disable(registered(a_key("other")).endpoint, DisabledBecause.CLIENT)

    page = act(operator, "send_test", endpoint, off)

    assert "A test is sent to 1 endpoint." in page
    assert "1 endpoint stays as it is." in page
    assert WebhookDelivery.objects.get().endpoint == endpoint


def test_operator_sends_what_failed_once_more(operator: Client, endpoint: WebhookEndpoint) -> None:
    off = registered(a_key("other")).endpoint
    for each in (endpoint, off):
        a_failed_delivery(each)
    disable(off, DisabledBecause.FAILING)

    page = act(operator, "redeliver_failed", endpoint, off)

    assert "1 delivery is sent once more." in page
    assert "Switch it on first." in page
    assert WebhookDelivery.objects.get(status=DeliveryStatus.PENDING).endpoint == endpoint


def test_operator_puts_notices_away(operator: Client, endpoint: WebhookEndpoint) -> None:
    disable(endpoint, DisabledBecause.FAILING)

    page = act(operator, "put_notices_away", endpoint)

    assert "1 notice is put away." in page
    assert now_of(endpoint).noticed_at


@pytest.mark.parametrize(
    "action", ["switch_on", "switch_off", "send_test", "redeliver_failed", "put_notices_away"]
)
def test_viewer_changes_nothing(viewer: Client, endpoint: WebhookEndpoint, action: str) -> None:
    a_failed_delivery(endpoint)
    before = disable(endpoint, DisabledBecause.FAILING)

    act(viewer, action, endpoint)

    after = now_of(endpoint)
    assert (after.disabled_because, after.noticed_at) == (before.disabled_because, None)
    assert WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).count() == 0


@pytest.mark.parametrize("name", ["add", "delete"])
def test_nobody_adds_or_deletes(endpoint: WebhookEndpoint, name: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    arguments = [endpoint.pk] if name == "delete" else []

    address = reverse(f"admin:webhooks_webhookendpoint_{name}", args=arguments)

    assert boss.get(address).status_code == boss.post(address, {"post": "yes"}).status_code == 403
    assert WebhookEndpoint.objects.count() == 1


def test_page_cannot_be_saved(operator: Client, endpoint: WebhookEndpoint) -> None:
    response = operator.post(page_of(endpoint), {"url": "http://127.0.0.1:9/mine", "description": "x"})

    assert response.status_code == 403
    assert now_of(endpoint).url == URL


def test_new_secret_is_shown_once(operator: Client, endpoint: WebhookEndpoint) -> None:
    address = page_of(endpoint, "new_secret")

    asked = operator.get(address).content.decode()
    response = operator.post(address, {"keep_old_for_s": "3600"})

    (secret,) = SECRET.findall(response.content.decode())
    assert not SECRET.search(asked)
    assert "no-store" in response["Cache-Control"]
    assert now_of(endpoint).secret.reveal().reveal() == secret
    assert now_of(endpoint).previous_secret.reveal() == endpoint.secret.reveal()
    assert not SECRET.search(operator.get(page_of(endpoint)).content.decode())
    event = AuditEvent.objects.get(action="webhook.secret_rotated")
    assert (event.actor_name, event.details) == ("olga", {"old_valid_for_s": 3600})
    assert secret not in str(list(AuditEvent.objects.values())) + str(dict(operator.session))


def test_third_secret_needs_the_others_to_end(operator: Client, endpoint: WebhookEndpoint) -> None:
    address = page_of(endpoint, "new_secret")
    operator.post(address, {"keep_old_for_s": "3600"})

    refused = operator.post(address, {"keep_old_for_s": "3600"}).content.decode()
    granted = operator.post(address, {"keep_old_for_s": "0"}).content.decode()

    assert "two are the most" in refused
    assert not SECRET.search(refused)
    assert SECRET.search(granted)
    assert not now_of(endpoint).previous_secret


@pytest.mark.parametrize("period", ["", "7", "-1", "1e9", "x"])
def test_period_that_is_not_offered_is_refused(
    operator: Client, endpoint: WebhookEndpoint, period: str
) -> None:
    operator.post(page_of(endpoint, "new_secret"), {"keep_old_for_s": period})

    assert now_of(endpoint).secret == endpoint.secret


@pytest.mark.parametrize("name", ["new_secret", "put_notice_away"])
def test_viewer_is_kept_out_of_what_changes_it(viewer: Client, endpoint: WebhookEndpoint, name: str) -> None:
    disable(endpoint, DisabledBecause.FAILING)

    response = viewer.post(page_of(endpoint, name), {"keep_old_for_s": "0"})

    assert response.status_code == 403
    assert now_of(endpoint).secret == endpoint.secret
    assert now_of(endpoint).noticed_at is None


def test_notice_is_put_away_from_the_start_page(operator: Client, endpoint: WebhookEndpoint) -> None:
    disable(endpoint, DisabledBecause.FAILING)

    response = operator.post(page_of(endpoint, "put_notice_away"))

    assert response["Location"] == "/admin/"
    assert now_of(endpoint).noticed_at
    assert operator.get(page_of(endpoint, "put_notice_away")).status_code == 405


@pytest.mark.parametrize("wrong", ["x", "01900000-0000-7000-8000-000000000000", "%00"])
def test_address_of_no_endpoint_is_not_found(operator: Client, wrong: str) -> None:
    for name in ("new-secret", "put-notice-away"):
        assert operator.post(f"{LIST}{wrong}/{name}/").status_code == 404


def test_list_asks_as_often_for_many_as_for_one(viewer: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            viewer.get(LIST)
        return len(captured)

    registered()
    queries()  # the first request begins the session
    few = queries()
    for number in range(5):
        registered(a_key(f"key {number}"))

    assert queries() == few
