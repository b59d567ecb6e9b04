"""Ends of jobs beside others who change their endpoints: nobody waits for long, and never in a circle."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import GenerationJob, JobStatus
from tests.generation.jobs import queue_job
from tests.waiting import wait_until
from tests.webhooks.beside import Begin, remove
from tests.webhooks.receiving import new_endpoint
from webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (count,) = cursor.fetchone()
    return bool(count)


def test_end_waits_for_nobody_who_changes_an_endpoint(key: ApiKey, begin: Begin) -> None:
    endpoint, job = new_endpoint(key), queue_job(key)

    with transaction.atomic():
        WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url="http://127.0.0.1:9/other")
        begin(lambda: submission.cancel(job)).result(5)

    assert WebhookDelivery.objects.count() == 1


def test_change_of_an_endpoint_waits_for_no_end(key: ApiKey, begin: Begin) -> None:
    endpoint, job = new_endpoint(key), queue_job(key)
    same = WebhookEndpoint.objects.filter(pk=endpoint.pk)

    with transaction.atomic():
        submission.cancel(job)
        begin(lambda: same.update(failing_since=timezone.now(), disabled_at=timezone.now())).result(5)

    assert WebhookDelivery.objects.count() == 1


def test_end_leaves_out_an_endpoint_that_is_removed_at_the_moment(key: ApiKey, begin: Begin) -> None:
    removed, other, job = new_endpoint(key), new_endpoint(key), queue_job(key)

    with transaction.atomic():
        WebhookEndpoint.objects.select_for_update().get(pk=removed.pk)
        ending = begin(lambda: submission.cancel(job))
        wait_until(somebody_waits_for_a_lock)
        WebhookEndpoint.objects.filter(pk=removed.pk).delete()
    ending.result(5)

    assert GenerationJob.objects.get().status == JobStatus.CANCELLED
    assert WebhookDelivery.objects.get().endpoint == other


def test_removal_waits_for_an_end_and_takes_its_delivery_along(key: ApiKey, begin: Begin) -> None:
    endpoint, job = new_endpoint(key), queue_job(key)

    with transaction.atomic():
        submission.cancel(job)
        removing = begin(lambda: remove(endpoint))
        wait_until(somebody_waits_for_a_lock)
    removing.result(5)

    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()


def test_ends_changes_and_removals_never_wait_in_a_circle(key: ApiKey, begin: Begin) -> None:
    for _ in range(3):
        new_endpoint(key)
    jobs = [queue_job(key) for _ in range(60)]

    def end(mine: list[GenerationJob]) -> None:
        for job in mine:
            submission.cancel(job)

    def change() -> None:
        for number in range(40):
            WebhookEndpoint.objects.update(description=str(number))

    def replace() -> None:
        for _ in range(20):
            new_endpoint(key)
            remove(WebhookEndpoint.objects.earliest("pk"))

    works = [begin(work) for work in (change, replace)]
    works += [begin(lambda mine=jobs[first::3]: end(mine)) for first in range(3)]
    for work in works:
        work.result(60)

    assert set(GenerationJob.objects.values_list("status", flat=True)) == {JobStatus.CANCELLED}
    assert WebhookEndpoint.objects.count() == 3
