"""An endpoint that was removed, or whose key was: nothing is sent to it, and its rows go away later."""

from __future__ import annotations

import pytest

from apikeys import issuing
from tests.generation.jobs import seconds_ago
from tests.webhooks.receiving import end_job
from webhooks import claims, deliveries, endpoints, sweeping
from webhooks.errors import EndpointSwitchedOff
from webhooks.models import WebhookDelivery, WebhookEndpoint

from .endpoints_support import a_delivery, registered

pytestmark = pytest.mark.django_db


def test_nothing_is_sent_to_a_removed_endpoint() -> None:
    endpoint = registered().endpoint
    waiting = a_delivery(endpoint)

    endpoints.remove(endpoint)
    end_job(endpoint.key)

    assert list(WebhookDelivery.objects.all()) == [waiting]
    assert claims.claim_due("sender", 9, {}) == []


def test_nothing_is_sent_for_a_key_that_was_revoked() -> None:
    endpoint = registered().endpoint
    waiting = a_delivery(endpoint)

    issuing.revoke(endpoint.key)
    end_job(endpoint.key)

    assert claims.claim_due("sender", 9, {}) == []
    with pytest.raises(EndpointSwitchedOff):
        deliveries.send_test(endpoint)
    with pytest.raises(EndpointSwitchedOff):
        deliveries.redeliver(waiting)


def test_rows_of_a_removed_endpoint_go_with_its_last_delivery() -> None:
    kept, removed = registered().endpoint, registered().endpoint
    delivery = a_delivery(removed)
    endpoints.remove(removed)
    WebhookEndpoint.objects.filter(pk=removed.pk).update(removed_at=seconds_ago(2 * 3600))

    assert sweeping.forget_removed() == 0
    delivery.delete()
    assert sweeping.forget_removed() == 1

    assert WebhookEndpoint.objects.get() == kept


def test_rows_of_an_endpoint_that_was_removed_just_now_stay() -> None:
    """A job that ends at the same moment may still make a delivery."""
    endpoints.remove(registered().endpoint)

    assert sweeping.forget_removed() == 0
