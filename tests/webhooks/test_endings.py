from __future__ import annotations

from datetime import datetime

import pytest
from django.conf import LazySettings
from django.utils import timezone

from apikeys.models import ApiKey
from audit.actions import Action
from audit.models import AuditEvent
from tests.generation.jobs import seconds_ago
from tests.webhooks.receiving import end_job, new_endpoint
from tests.webhooks.results import BUSY, DELIVERED, GONE, REFUSED, result
from webhooks import claims, deliveries, endings
from webhooks.claims import Claim
from webhooks.endings import Result
from webhooks.models import (
    AttemptOutcome,
    DeliveryStatus,
    DisabledBecause,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

pytestmark = pytest.mark.django_db

HOUR_S = 3600


@pytest.fixture
def claim(key: ApiKey) -> Claim:
    new_endpoint(key)
    return new_claim(key)


def new_claim(key: ApiKey) -> Claim:
    end_job(key)
    WebhookDelivery.objects.filter(attempts__gt=0).update(next_attempt_at=seconds_ago(-HOUR_S))
    (claim,) = claims.claim_due("sender", 1, {})
    return claim


def seconds_until(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - timezone.now()).total_seconds()


def test_success_finishes_the_delivery(claim: Claim) -> None:
    assert endings.store(claim, DELIVERED)

    delivery, endpoint = WebhookDelivery.objects.get(), WebhookEndpoint.objects.get()
    assert delivery.status == DeliveryStatus.DELIVERED
    assert delivery.finished_at is not None
    assert (delivery.next_attempt_at, delivery.lease_expires_at) == (None, None)
    assert endpoint.succeeded_at is not None
    attempt = WebhookAttempt.objects.get()
    assert (attempt.delivery, attempt.number, attempt.outcome) == (delivery, 1, "delivered")
    assert (attempt.status_code, attempt.reason, attempt.duration_s) == (204, "", 0.25)


def test_failure_puts_the_delivery_off(claim: Claim) -> None:
    assert endings.store(claim, REFUSED)

    delivery, endpoint = WebhookDelivery.objects.get(), WebhookEndpoint.objects.get()
    assert (delivery.status, delivery.round_failures) == (DeliveryStatus.PENDING, 1)
    assert 3 < seconds_until(delivery.next_attempt_at) <= 6
    assert delivery.lease_expires_at is None
    assert endpoint.failing_since is not None
    assert WebhookAttempt.objects.get().reason == "It answered with HTTP 500."


def test_success_after_failures_ends_the_failing(claim: Claim, key: ApiKey) -> None:
    endings.store(claim, REFUSED)

    endings.store(new_claim(key), DELIVERED)

    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.failing_since, endpoint.held_until) == (None, None)


def test_failing_since_stays_at_the_first_failure(claim: Claim, key: ApiKey) -> None:
    WebhookEndpoint.objects.update(failing_since=seconds_ago(HOUR_S))

    endings.store(claim, REFUSED)

    assert seconds_until(WebhookEndpoint.objects.get().failing_since) < -3000


def test_delivery_that_was_tried_for_days_is_given_up(claim: Claim, settings: LazySettings) -> None:
    settings.WEBHOOK_RETRY_FOR_S = 3

    endings.store(claim, REFUSED)

    delivery = WebhookDelivery.objects.get()
    assert delivery.status == DeliveryStatus.FAILED
    assert delivery.finished_at is not None
    assert delivery.next_attempt_at is None
    assert WebhookEndpoint.objects.get().disabled_at is None


def test_receiver_that_asks_for_patience_gets_it_for_all_messages(claim: Claim, key: ApiKey) -> None:
    endings.store(claim, BUSY)
    end_job(key)

    assert 590 < seconds_until(WebhookDelivery.objects.earliest("pk").next_attempt_at) <= 600
    assert 590 < seconds_until(WebhookEndpoint.objects.get().held_until) <= 600
    assert claims.claim_due("sender", 1, {}) == []


def test_gone_endpoint_is_switched_off_at_once(claim: Claim, key: ApiKey) -> None:
    end_job(key)

    endings.store(claim, GONE)

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.disabled_at is not None
    assert endpoint.disabled_because == DisabledBecause.GONE
    assert [delivery.status for delivery in WebhookDelivery.objects.order_by("pk")] == ["failed", "pending"]
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.actor_id, event.actor_name) == (Action.WEBHOOK_DISABLED, None, "system")
    assert (event.subject_kind, event.subject_id) == ("webhook", str(endpoint.pk))
    assert event.subject_name == "http://127.0.0.1:9"
    assert "/hooks" not in event.details_json


def test_endpoint_that_fails_for_days_is_switched_off(claim: Claim, settings: LazySettings) -> None:
    settings.WEBHOOK_DISABLE_AFTER_S = 86_400
    WebhookEndpoint.objects.update(failing_since=seconds_ago(86_401), noticed_at=seconds_ago(10 * 86_400))

    endings.store(claim, REFUSED)

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.disabled_because == DisabledBecause.FAILING
    assert endpoint.noticed_at is None
    assert WebhookDelivery.objects.get().status == DeliveryStatus.PENDING
    assert AuditEvent.objects.latest("number").action == Action.WEBHOOK_DISABLED


def test_endpoint_is_switched_off_once(claim: Claim, key: ApiKey) -> None:
    second = new_claim(key)
    WebhookEndpoint.objects.update(failing_since=seconds_ago(30 * 86_400))

    endings.store(claim, REFUSED)
    endings.store(second, GONE)

    assert WebhookEndpoint.objects.get().disabled_because == DisabledBecause.FAILING
    assert AuditEvent.objects.filter(action=Action.WEBHOOK_DISABLED).count() == 1


@pytest.mark.parametrize("outcome", [AttemptOutcome.NOT_SENT, AttemptOutcome.STOPPED])
def test_our_own_faults_say_nothing_of_the_endpoint(outcome: AttemptOutcome, claim: Claim) -> None:
    WebhookEndpoint.objects.update(failing_since=seconds_ago(30 * 86_400))

    endings.store(claim, result(outcome))

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.disabled_at is None
    assert WebhookDelivery.objects.get().status == DeliveryStatus.PENDING


def test_attempt_that_was_stopped_is_made_again_at_once(claim: Claim) -> None:
    endings.store(claim, endings.stopped())

    delivery = WebhookDelivery.objects.get()
    assert (delivery.round_failures, delivery.lease_expires_at) == (0, None)
    assert [again.attempt for again in claims.claim_due("other", 1, {})] == [2]


def test_test_is_tried_once_and_does_not_count(key: ApiKey) -> None:
    endpoint = new_endpoint(key)
    deliveries.send_test(endpoint)
    WebhookDelivery.objects.update(next_attempt_at=seconds_ago(1))
    (claim,) = claims.claim_due("sender", 1, {})

    endings.store(claim, REFUSED)

    assert WebhookDelivery.objects.get().status == DeliveryStatus.FAILED
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


# --- Late ones


def test_late_outcome_of_an_older_claim_is_refused(claim: Claim, caplog: pytest.LogCaptureFixture) -> None:
    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(1))
    (newer,) = claims.claim_due("other", 1, {})

    assert not endings.store(claim, REFUSED)

    delivery = WebhookDelivery.objects.get()
    assert (delivery.attempts, delivery.lease_owner, delivery.round_failures) == (2, "other", 0)
    assert not WebhookAttempt.objects.exists()
    assert "late_delivery_refused" in caplog.text
    assert endings.store(newer, DELIVERED)


def test_outcome_after_the_lease_counts_while_nobody_else_has_claimed(claim: Claim) -> None:
    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(1))

    assert endings.store(claim, DELIVERED)


def test_outcome_that_is_stored_twice_counts_once(claim: Claim, caplog: pytest.LogCaptureFixture) -> None:
    endings.store(claim, REFUSED)

    endings.store(claim, REFUSED)

    assert WebhookDelivery.objects.get().round_failures == 1
    assert WebhookAttempt.objects.count() == 1
    assert "late_delivery_refused" not in caplog.text


@pytest.mark.parametrize("outcome", [GONE, REFUSED])
def test_what_the_old_url_answers_is_no_matter_of_the_new_one(outcome: Result, claim: Claim) -> None:
    WebhookEndpoint.objects.update(url="http://127.0.0.1:9/elsewhere")

    assert endings.store(claim, outcome)

    endpoint, delivery = WebhookEndpoint.objects.get(), WebhookDelivery.objects.get()
    assert (endpoint.disabled_at, endpoint.failing_since, endpoint.held_until) == (None, None, None)
    assert (delivery.status, delivery.round_failures) == (DeliveryStatus.PENDING, 0)
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at <= timezone.now()
    assert WebhookAttempt.objects.get().outcome == outcome.outcome


def test_late_outcome_says_nothing_of_the_endpoint(claim: Claim) -> None:
    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(1))
    claims.claim_due("other", 1, {})

    assert not endings.store(claim, GONE)

    assert WebhookEndpoint.objects.get().disabled_at is None


def test_outcome_of_an_endpoint_that_was_removed_is_refused(claim: Claim) -> None:
    WebhookEndpoint.objects.all().delete()

    assert not endings.store(claim, GONE)


def test_redelivery_during_an_attempt_is_done_with_it(claim: Claim) -> None:
    deliveries.redeliver(WebhookDelivery.objects.get())

    assert endings.store(claim, DELIVERED)

    assert WebhookDelivery.objects.get().status == DeliveryStatus.DELIVERED
    assert claims.claim_due("sender", 1, {}) == []
