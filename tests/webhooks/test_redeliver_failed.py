from __future__ import annotations

import pytest

from audit.actions import Action
from audit.models import AuditEvent
from webhooks import deliveries
from webhooks.errors import DeliveryNotFound, EndpointSwitchedOff
from webhooks.models import DeliveryStatus, DisabledBecause, Event, WebhookDelivery, WebhookEndpoint

from .endpoints_support import a_delivery, a_failed_delivery, a_key, disable, registered

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    return registered().endpoint


def test_what_failed_is_sent_again_and_nothing_else(endpoint: WebhookEndpoint) -> None:
    failed = {a_failed_delivery(endpoint).pk for _ in range(2)}
    done = a_delivery(endpoint, status=DeliveryStatus.DELIVERED, next_attempt_at=None)
    elsewhere = a_failed_delivery(registered(a_key("other")).endpoint)

    assert deliveries.redeliver_failed(endpoint) == 2

    pending = WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING, next_attempt_at__isnull=False)
    assert set(pending.values_list("pk", flat=True)) == failed
    done.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (done.status, elsewhere.status) == (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED)


def test_failed_test_is_not_repeated(endpoint: WebhookEndpoint) -> None:
    test = a_failed_delivery(endpoint)
    WebhookDelivery.objects.filter(pk=test.pk).update(event=Event.TEST, job_id=None)

    assert deliveries.redeliver_failed(endpoint) == 0


def test_of_many_the_newest_are_sent(endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "MOST_AT_ONCE", 2)
    failed = [a_failed_delivery(endpoint) for _ in range(3)]

    assert deliveries.redeliver_failed(endpoint) == 2

    assert WebhookDelivery.objects.get(status=DeliveryStatus.FAILED) == failed[0]


def test_nothing_is_sent_to_an_endpoint_that_is_off(endpoint: WebhookEndpoint) -> None:
    a_failed_delivery(endpoint)
    disable(endpoint, DisabledBecause.FAILING)

    with pytest.raises(EndpointSwitchedOff):
        deliveries.redeliver_failed(endpoint)

    assert WebhookDelivery.objects.get().status == DeliveryStatus.FAILED


def test_what_staff_sends_stands_in_the_trail(endpoint: WebhookEndpoint) -> None:
    failed = a_failed_delivery(endpoint)
    deliveries.redeliver_failed(endpoint)
    deliveries.redeliver(failed, by_staff=True)
    test = deliveries.send_test(endpoint, by_staff=True)

    told = AuditEvent.objects.filter(action__in=[Action.WEBHOOK_REDELIVERED, Action.WEBHOOK_TESTED])
    assert [(each.subject_id, each.details) for each in told.order_by("number")] == [
        (str(endpoint.pk), {"messages": 1}),
        (str(endpoint.pk), {"message": str(failed)}),
        (str(endpoint.pk), {"message": str(test)}),
    ]
    assert not told.filter(details_json__contains="token").exists()


def test_what_clients_send_does_not_fill_the_trail(endpoint: WebhookEndpoint) -> None:
    before = AuditEvent.objects.count()

    deliveries.redeliver(a_failed_delivery(endpoint))
    deliveries.send_test(endpoint)

    assert AuditEvent.objects.count() == before


def test_delivery_that_was_deleted_meanwhile_is_not_there(endpoint: WebhookEndpoint) -> None:
    delivery = a_failed_delivery(endpoint)
    WebhookDelivery.objects.filter(pk=delivery.pk).delete()

    with pytest.raises(DeliveryNotFound):
        deliveries.redeliver(delivery)
