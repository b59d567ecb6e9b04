"""Staff switches endpoints off and on, and puts notices away."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from tests.audit.events import the_event
from webhooks import endpoints
from webhooks.errors import EndpointNotFound
from webhooks.models import DisabledBecause, WebhookEndpoint

from .endpoints_support import a_key, disable, now_of, registered

pytestmark = pytest.mark.django_db


def test_staff_switches_off_once() -> None:
    endpoint = registered().endpoint

    assert endpoints.switch_off(endpoint)
    assert not endpoints.switch_off(endpoint)

    assert now_of(endpoint).disabled_because == DisabledBecause.STAFF
    assert the_event(Action.WEBHOOK_SWITCHED_OFF).details == {"because": "staff"}


@pytest.mark.parametrize("because", [DisabledBecause.CLIENT, DisabledBecause.FAILING, DisabledBecause.GONE])
def test_staff_forbids_to_switch_on_what_is_off(because: DisabledBecause) -> None:
    endpoint = registered().endpoint
    since = disable(endpoint, because).disabled_at

    assert endpoints.switch_off(endpoint)

    assert now_of(endpoint).disabled_because == DisabledBecause.STAFF
    assert now_of(endpoint).disabled_at == since


@pytest.mark.parametrize("because", list(DisabledBecause))
def test_staff_switches_on_whoever_switched_off(because: DisabledBecause) -> None:
    endpoint = registered().endpoint
    disable(endpoint, because)

    assert endpoints.switch_on(endpoint)
    assert not endpoints.switch_on(endpoint)

    stored = now_of(endpoint)
    assert (stored.disabled_at, stored.disabled_because, stored.failing_since) == (None, "", None)
    the_event(Action.WEBHOOK_SWITCHED_ON)


@pytest.mark.parametrize("switch", [endpoints.switch_on, endpoints.switch_off])
def test_removed_endpoint_is_not_switched(switch: object) -> None:
    endpoint = registered().endpoint
    endpoints.remove(endpoint)

    with pytest.raises(EndpointNotFound):
        switch(endpoint)  # type: ignore[operator]


def test_notice_tells_of_those_that_stopped_by_themselves() -> None:
    key = a_key()
    stopped = {
        because: disable(registered(key, url=f"http://127.0.0.1:9/{because}").endpoint, because)
        for because in DisabledBecause
    }
    registered(key)

    noticed = set(WebhookEndpoint.objects.noticeable())

    assert noticed == {stopped[DisabledBecause.FAILING], stopped[DisabledBecause.GONE]}


def test_notice_is_put_away_once_and_comes_back_when_it_stops_anew() -> None:
    endpoint = disable(registered().endpoint, DisabledBecause.FAILING)

    assert endpoints.put_notice_away(endpoint)
    assert not endpoints.put_notice_away(endpoint)
    assert not WebhookEndpoint.objects.noticeable().exists()

    endpoints.switch_on(endpoint)
    disable(endpoint, DisabledBecause.GONE)
    assert WebhookEndpoint.objects.noticeable().exists()


def test_notice_ends_with_the_endpoint() -> None:
    endpoint = disable(registered().endpoint, DisabledBecause.FAILING)

    assert endpoints.remove(endpoint)
    assert not endpoints.remove(endpoint)

    stored = now_of(endpoint)
    assert not WebhookEndpoint.objects.noticeable().exists()
    assert stored.removed_at
    assert stored.removed_at <= timezone.now()
    assert not stored.secret
    assert AuditEvent.objects.filter(action=Action.WEBHOOK_REMOVED).count() == 1
