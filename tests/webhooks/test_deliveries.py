from __future__ import annotations

import json

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from tests.generation.jobs import seconds_ago
from tests.webhooks.receiving import end_job, new_endpoint
from webhooks import claims, deliveries
from webhooks.errors import EndpointSwitchedOff
from webhooks.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(key: ApiKey) -> WebhookEndpoint:
    return new_endpoint(key)


@pytest.fixture
def delivery(endpoint: WebhookEndpoint, key: ApiKey) -> WebhookDelivery:
    """One that was sent twice, long ago."""
    end_job(key)
    claims.claim_due("sender", 1, {})
    WebhookDelivery.objects.update(
        attempts=2, round_failures=2, round_began_at=seconds_ago(9 * 86_400), lease_expires_at=None
    )
    return WebhookDelivery.objects.get()


@pytest.mark.parametrize("status", [DeliveryStatus.DELIVERED, DeliveryStatus.FAILED])
def test_finished_delivery_is_sent_again(status: DeliveryStatus, delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.update(status=status, finished_at=timezone.now(), next_attempt_at=None)

    again = deliveries.redeliver(delivery)

    assert (again.status, again.finished_at, again.round_failures) == (DeliveryStatus.PENDING, None, 0)
    (claim,) = claims.claim_due("sender", 1, {})
    assert (claim.message_id, claim.body) == (f"msg_{delivery.message_id.hex}", delivery.body)
    assert (claim.attempt, claim.failures) == (3, 0)
    assert claim.round_age_s < 60


def test_pending_delivery_comes_forward(delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.update(next_attempt_at=seconds_ago(-3600))
    WebhookEndpoint.objects.update(held_until=seconds_ago(-3600))

    deliveries.redeliver(delivery)

    assert len(claims.claim_due("sender", 1, {})) == 1


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_test_is_due_now_whatever_the_clock_of_this_process_says(
    ahead_s: float, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = seconds_ago(-ahead_s)
    monkeypatch.setattr(timezone, "now", lambda: wrong)

    deliveries.send_test(endpoint)

    (claim,) = claims.claim_due("sender", 1, {})
    assert claim.round_age_s < 60


def test_delivery_that_is_being_sent_is_not_claimed_twice(delivery: WebhookDelivery) -> None:
    claims.claim_due("sender", 1, {})

    deliveries.redeliver(delivery)

    assert claims.claim_due("other", 1, {}) == []


def test_nothing_is_sent_to_an_endpoint_that_is_off(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint
) -> None:
    WebhookEndpoint.objects.update(disabled_at=timezone.now())

    with pytest.raises(EndpointSwitchedOff):
        deliveries.redeliver(delivery)
    with pytest.raises(EndpointSwitchedOff):
        deliveries.send_test(endpoint)

    assert WebhookDelivery.objects.count() == 1


def test_test_is_a_message_of_no_job(endpoint: WebhookEndpoint) -> None:
    delivery = deliveries.send_test(endpoint)

    body = json.loads(delivery.body)
    assert body.pop("timestamp").endswith("Z")
    assert body == {"type": "webhook.test", "data": {"webhook": str(endpoint.pk)}}
    assert (delivery.job_id, delivery.status) == (None, DeliveryStatus.PENDING)


def test_what_waits_is_due_when_its_endpoint_is_switched_on(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint
) -> None:
    WebhookDelivery.objects.update(next_attempt_at=seconds_ago(-3600))

    assert deliveries.resume(endpoint) == 1

    (claim,) = claims.claim_due("sender", 1, {})
    assert claim.failures == 0


def test_what_is_finished_stays_so_when_its_endpoint_is_switched_on(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint
) -> None:
    WebhookDelivery.objects.update(status=DeliveryStatus.FAILED, finished_at=timezone.now())

    assert deliveries.resume(endpoint) == 0
