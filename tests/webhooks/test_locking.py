"""Rows of several deliveries are locked by their ids, however they lie in the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.db.models import F

from apikeys.models import ApiKey
from tests.waiting import wait_until
from tests.webhooks.beside import Begin
from tests.webhooks.receiving import end_job, new_endpoint
from webhooks import claims, deliveries
from webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def resume() -> None:
    with transaction.atomic():
        deliveries.resume(WebhookEndpoint.objects.get())


def give_back() -> None:
    claims._give_back("sender", list(WebhookDelivery.objects.all()))


def write_bodies() -> None:
    claims._write_bodies(list(WebhookDelivery.objects.all()))


@pytest.mark.parametrize("change", [resume, give_back, write_bodies])
def test_rows_behind_one_that_is_locked_are_left_free(
    key: ApiKey, begin: Begin, change: Callable[[], None]
) -> None:
    new_endpoint(key)
    for _ in range(4):
        end_job(key)
    claims.claim_due("sender", 4, {})
    WebhookDelivery.objects.update(body="")
    first, *others = WebhookDelivery.objects.order_by("pk")
    WebhookDelivery.objects.filter(pk=first.pk).update(attempts=F("attempts"))  # moves it behind the others

    with transaction.atomic():
        WebhookDelivery.objects.select_for_update().get(pk=first.pk)
        changing = begin(change)
        wait_until(_somebody_waits_for_a_lock)
        rows = WebhookDelivery.objects.filter(pk__in=[other.pk for other in others])
        free = list(rows.select_for_update(skip_locked=True))

    changing.result(30)
    assert len(free) == 3


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None
