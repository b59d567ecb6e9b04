from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from generation.running import leases
from tests.generation.jobs import seconds_ago
from tests.webhooks.endpoints_support import a_delivery, a_key
from tests.webhooks.receiving import SECRET, end_job, new_endpoint, new_secret
from webhooks import deliveries, endpoints, sweeping
from webhooks.models import (
    AttemptOutcome,
    DeliveryStatus,
    GivenUpBecause,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

pytestmark = pytest.mark.django_db

DAY_S = 86_400


@pytest.fixture
def delivery(key: ApiKey) -> WebhookDelivery:
    new_endpoint(key)
    end_job(key)
    return WebhookDelivery.objects.get()


def finish(delivery: WebhookDelivery, *, days_ago: float) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=DeliveryStatus.DELIVERED, finished_at=seconds_ago(days_ago * DAY_S), next_attempt_at=None
    )
    WebhookAttempt.objects.create(
        delivery=delivery, number=1, started_at=timezone.now(), duration_s=0, outcome=AttemptOutcome.DELIVERED
    )


def test_old_deliveries_are_deleted_with_their_attempts(delivery: WebhookDelivery, key: ApiKey) -> None:
    finish(delivery, days_ago=31)
    end_job(key)
    recent = WebhookDelivery.objects.latest("pk")
    finish(recent, days_ago=29)

    sweeping.sweep("sender")

    assert list(WebhookDelivery.objects.all()) == [recent]
    assert WebhookAttempt.objects.get().delivery == recent


def test_pending_deliveries_are_not_deleted(delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.update(created_at=seconds_ago(90 * DAY_S))

    sweeping.sweep("sender")

    assert WebhookDelivery.objects.count() == 1


def test_retention_of_nought_keeps_all(delivery: WebhookDelivery, settings: LazySettings) -> None:
    settings.WEBHOOK_RETENTION_S = 0
    finish(delivery, days_ago=1000)

    sweeping.sweep("sender")

    assert WebhookDelivery.objects.count() == 1


def test_many_old_deliveries_go_in_several_batches(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    new_endpoint(key)
    for _ in range(5):
        end_job(key)
    WebhookDelivery.objects.update(status=DeliveryStatus.DELIVERED, finished_at=seconds_ago(31 * DAY_S))

    sweeping.sweep("sender")

    assert not WebhookDelivery.objects.exists()


def test_what_waited_too_long_for_an_endpoint_that_is_off_is_given_up(delivery: WebhookDelivery) -> None:
    WebhookEndpoint.objects.update(disabled_at=timezone.now())
    WebhookDelivery.objects.update(round_began_at=seconds_ago(2 * DAY_S))
    sweeping.sweep("sender")
    assert WebhookDelivery.objects.get().status == DeliveryStatus.PENDING

    WebhookDelivery.objects.update(round_began_at=seconds_ago(3 * DAY_S + 1))
    sweeping.sweep("sender")

    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.FAILED, None)
    assert delivery.finished_at is not None


def test_what_a_dead_sender_has_claimed_of_an_endpoint_that_is_off_is_given_up(
    delivery: WebhookDelivery,
) -> None:
    WebhookEndpoint.objects.update(disabled_at=timezone.now())
    WebhookDelivery.objects.update(
        round_began_at=seconds_ago(4 * DAY_S), lease_owner="dead", lease_expires_at=seconds_ago(-60)
    )
    sweeping.sweep("sender")
    assert WebhookDelivery.objects.get().status == DeliveryStatus.PENDING  # it may live

    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(1))
    sweeping.sweep("sender")

    assert WebhookDelivery.objects.get().status == DeliveryStatus.FAILED


def test_what_is_never_sent_any_more_ends_at_once_and_says_why(
    delivery: WebhookDelivery, key: ApiKey
) -> None:
    issuing.revoke(key)
    removed = a_delivery(new_endpoint(a_key("other")))
    endpoints.remove(removed.endpoint)
    kept = a_delivery(new_endpoint(a_key("third")))

    sweeping.sweep("sender")

    ended = {each.pk: (each.status, each.given_up_because) for each in WebhookDelivery.objects.all()}
    assert ended == {
        delivery.pk: (DeliveryStatus.FAILED, GivenUpBecause.REVOKED),
        removed.pk: (DeliveryStatus.FAILED, GivenUpBecause.REMOVED),
        kept.pk: (DeliveryStatus.PENDING, ""),
    }


def test_many_are_given_up_in_several_short_transactions(
    delivery: WebhookDelivery, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        a_delivery(delivery.endpoint)
    issuing.revoke(key)
    monkeypatch.setattr(sweeping, "_GIVEN_UP_AT_ONCE", 2)

    with CaptureQueriesContext(connection) as queries:
        assert sweeping.give_up() == 5

    updates = [each for each in queries if each["sql"].startswith('UPDATE "webhooks_webhookdelivery"')]
    assert len(updates) >= 3


def test_what_was_given_up_and_is_sent_again_has_not_been_given_up(delivery: WebhookDelivery) -> None:
    WebhookEndpoint.objects.update(disabled_at=timezone.now())
    WebhookDelivery.objects.update(round_began_at=seconds_ago(4 * DAY_S))
    sweeping.sweep("sender")
    assert WebhookDelivery.objects.get().given_up_because == GivenUpBecause.OFF

    endpoints.switch_on(delivery.endpoint)
    deliveries.redeliver(WebhookDelivery.objects.get())

    assert WebhookDelivery.objects.get().given_up_because == ""


def test_what_waited_long_for_an_endpoint_that_is_on_is_tried_all_the_same(delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.update(round_began_at=seconds_ago(30 * DAY_S))

    sweeping.sweep("sender")

    assert WebhookDelivery.objects.get().status == DeliveryStatus.PENDING


def test_one_process_sweeps(delivery: WebhookDelivery) -> None:
    finish(delivery, days_ago=31)
    leases.hold(sweeping.NAME, "other", lease_s=60)

    sweeping.sweep("sender")
    assert WebhookDelivery.objects.count() == 1

    sweeping.release("other")
    sweeping.sweep("sender")
    assert not WebhookDelivery.objects.exists()


def test_secret_that_has_ended_is_forgotten_and_one_that_is_valid_is_not(key: ApiKey) -> None:
    ended, valid = (
        new_endpoint(key, previous_secret=new_secret(), previous_secret_until=seconds_ago(ago_s))
        for ago_s in (1, -60)
    )

    sweeping.sweep("sender")

    ended.refresh_from_db()
    assert (bool(ended.previous_secret), ended.previous_secret_until) == (False, None)
    assert ended.secret.reveal().reveal() == SECRET
    valid.refresh_from_db()
    assert valid.previous_secret
    assert valid.previous_secret_until is not None


def test_secrets_are_forgotten_some_at_a_time(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    for _ in range(3):
        new_endpoint(key, previous_secret=new_secret(), previous_secret_until=seconds_ago(1))

    assert [sweeping.forget_ended_secrets() for _ in range(3)] == [2, 1, 0]
