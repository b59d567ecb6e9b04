"""Outcomes of attempts beside all others who touch the same rows: never in a circle."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import transaction

from apikeys.models import ApiKey
from audit.actions import Action
from audit.models import AuditEvent
from tests.generation.jobs import seconds_ago
from tests.webhooks.beside import Begin, remove
from tests.webhooks.receiving import end_job, new_endpoint
from tests.webhooks.results import DELIVERED, GONE, REFUSED
from webhooks import claims, deliveries, endings, sweeping
from webhooks.endings import Result
from webhooks.errors import DeliveryNotFound, EndpointSwitchedOff
from webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def send_all(owner: str, result: Result) -> Callable[[], None]:
    def work() -> None:
        for _ in range(30):
            for claim in claims.claim_due(owner, 20, {}):
                endings.store(claim, result)

    return work


def redeliver_all() -> None:
    for delivery in WebhookDelivery.objects.all():
        with contextlib.suppress(EndpointSwitchedOff, DeliveryNotFound):
            deliveries.redeliver(delivery)


def switch_on() -> None:
    for _ in range(20):
        for endpoint in WebhookEndpoint.objects.all():
            with transaction.atomic():
                WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
                    disabled_at=None, failing_since=seconds_ago(6 * 86_400)
                )
                deliveries.resume(endpoint)


def sweep() -> None:
    for _ in range(30):
        sweeping.delete_old()
        sweeping.give_up()


def test_outcomes_redeliveries_and_removals_never_wait_in_a_circle(
    key: ApiKey,
    begin: Begin,
    settings: LazySettings,
) -> None:
    settings.WEBHOOK_RETENTION_S = settings.WEBHOOK_RETRY_FOR_S = 0.001
    for _ in range(3):
        new_endpoint(key)
    for _ in range(40):
        end_job(key)

    def replace() -> None:
        for _ in range(10):
            new_endpoint(key)
            remove(WebhookEndpoint.objects.earliest("pk"))
            end_job(key)

    works = [redeliver_all, switch_on, replace, sweep]
    works += [send_all(f"sender-{number}", each) for number, each in enumerate((REFUSED, GONE, DELIVERED))]
    for work in [begin(work) for work in works]:
        work.result(60)

    assert WebhookEndpoint.objects.count() == 3
    assert AuditEvent.objects.filter(action=Action.WEBHOOK_DISABLED).exists()


def test_endpoint_that_fails_in_several_processes_at_once_is_switched_off_once(
    key: ApiKey,
    begin: Begin,
) -> None:
    new_endpoint(key)
    for _ in range(8):
        end_job(key)
    claimed = claims.claim_due("sender", 8, {})
    WebhookEndpoint.objects.update(failing_since=seconds_ago(6 * 86_400))

    stores = [begin(lambda claim=claim: endings.store(claim, REFUSED)) for claim in claimed]
    for each in stores:
        each.result(30)

    assert AuditEvent.objects.filter(action=Action.WEBHOOK_DISABLED).count() == 1
