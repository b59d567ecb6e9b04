"""Whatever ends a job makes its deliveries, in the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from generation.accepting import submission
from generation.failures import API_ERRORS
from generation.models import GenerationJob, JobStatus
from generation.queue import endings, lapses
from generation.queue.claims import Claim
from generation.queue.outcomes import Outcome, Postponement, failed
from tests.epochs.support import execute
from tests.generation.jobs import COMPLETED, TRACE, claim_next, queue_job, seconds_ago
from tests.webhooks.receiving import end_job, new_endpoint
from webhooks import triggers
from webhooks.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db


def begin(key: ApiKey, **fields: Any) -> tuple[GenerationJob, Claim]:
    job = queue_job(key, **fields)
    claim = claim_next("worker")
    assert claim is not None
    return job, claim


def finish(key: ApiKey) -> None:
    endings.finish(begin(key)[1], COMPLETED)


def fail(key: ApiKey) -> None:
    endings.finish(begin(key)[1], failed(API_ERRORS["backend_error"], trace=TRACE))


def cancel_queued(key: ApiKey) -> None:
    submission.cancel(queue_job(key))


def cancel_in_progress(key: ApiKey) -> None:
    job, claim = begin(key)
    submission.cancel(job)
    assert not WebhookDelivery.objects.exists()
    endings.finish(claim, Outcome(status=JobStatus.CANCELLED, trace=TRACE))


def cancel_as_staff(key: ApiKey) -> None:
    submission.cancel_as_staff(queue_job(key))


def give_back_cancelled(key: ApiKey) -> None:
    job, claim = begin(key)
    submission.cancel(job)
    endings.give_back(claim, Postponement(5, TRACE))


def expire(key: ApiKey) -> None:
    queue_job(key, deadline_in_s=-1)
    assert lapses.reap() == 1


def wait_for_model_too_long(key: ApiKey) -> None:
    queue_job(key, deadline_in_s=-1, postponements=3)
    assert lapses.reap() == 1


def lose_last_worker(key: ApiKey) -> None:
    begin(key, lost_leases=4)
    GenerationJob.objects.update(lease_expires_at=seconds_ago(1))
    assert lapses.reap() == 1


def lose_worker_of_cancelled(key: ApiKey) -> None:
    job, _ = begin(key)
    submission.cancel(job)
    GenerationJob.objects.update(lease_expires_at=seconds_ago(1))
    assert lapses.reap() == 1


def end_by_hand(key: ApiKey) -> None:
    job = queue_job(key)
    GenerationJob.objects.filter(pk=job.pk).update(status=JobStatus.FAILED, finished_at=timezone.now())


ENDINGS = [
    (finish, "completed"),
    (fail, "failed"),
    (cancel_queued, "cancelled"),
    (cancel_in_progress, "cancelled"),
    (cancel_as_staff, "cancelled"),
    (give_back_cancelled, "cancelled"),
    (expire, "failed"),
    (wait_for_model_too_long, "failed"),
    (lose_last_worker, "failed"),
    (lose_worker_of_cancelled, "cancelled"),
    (end_by_hand, "failed"),
]


@pytest.mark.parametrize(("end", "status"), ENDINGS)
def test_whatever_ends_a_job_makes_its_delivery(
    end: Callable[[ApiKey], None], status: str, key: ApiKey
) -> None:
    endpoint = new_endpoint(key)

    end(key)

    job = GenerationJob.objects.get()
    delivery = WebhookDelivery.objects.get()
    assert job.status == status
    assert (delivery.endpoint, delivery.job_id) == (endpoint, job.pk)
    assert (delivery.event, delivery.status) == (f"generation.{status}", DeliveryStatus.PENDING)
    assert delivery.created_at == delivery.next_attempt_at == delivery.round_began_at == job.finished_at
    assert (delivery.attempts, delivery.round_failures, delivery.body) == (0, 0, "")


def test_what_does_not_end_a_job_makes_none(key: ApiKey) -> None:
    new_endpoint(key)
    _, claim = begin(key)
    endings.give_back(claim)
    _, claim = begin(key)
    endings.give_back(claim, Postponement(5, TRACE))

    assert not WebhookDelivery.objects.exists()


def test_what_happens_to_a_job_after_its_end_makes_none(key: ApiKey) -> None:
    new_endpoint(key)
    job = end_job(key)

    GenerationJob.objects.filter(pk=job.pk).update(finished_at=timezone.now(), text="")

    assert WebhookDelivery.objects.count() == 1


def test_each_endpoint_of_the_key_that_wants_it_gets_one(key: ApiKey) -> None:
    wanting = [new_endpoint(key), new_endpoint(key, on_failed=False, on_cancelled=False)]
    new_endpoint(key, on_completed=False)
    new_endpoint(key, disabled_at=timezone.now())
    new_endpoint(issuing.issue(name="Other", scopes=["generate"]).key)

    end_job(key)

    deliveries = WebhookDelivery.objects.all()
    assert {delivery.endpoint_id for delivery in deliveries} == {endpoint.pk for endpoint in wanting}
    assert len(deliveries) == len({delivery.message_id for delivery in deliveries}) == 2


@pytest.mark.parametrize(
    ("off", "outcome"),
    [
        ("on_completed", COMPLETED),
        ("on_failed", failed(API_ERRORS["backend_error"], trace=TRACE)),
        ("on_cancelled", Outcome(status=JobStatus.CANCELLED, trace=TRACE)),
    ],
)
def test_endpoint_that_does_not_want_to_know_is_not_told(off: str, outcome: Outcome, key: ApiKey) -> None:
    new_endpoint(key, **{off: False})

    end_job(key, outcome)

    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_end_that_is_rolled_back_makes_none(key: ApiKey) -> None:
    new_endpoint(key)
    job = queue_job(key)

    with transaction.atomic():
        submission.cancel(job)
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_ends_in_one_statement_make_one_each(key: ApiKey) -> None:
    new_endpoint(key)
    new_endpoint(key)
    jobs = [queue_job(key) for _ in range(10)]
    claims = [claim_next("worker") for _ in jobs]

    endings.finish_all({claim: COMPLETED for claim in claims if claim is not None})

    deliveries = WebhookDelivery.objects.values_list("job_id", "endpoint_id")
    assert len(deliveries) == len(set(deliveries)) == 20


@pytest.mark.django_db(transaction=True)
def test_trigger_that_was_lost_is_back_after_migrate(key: ApiKey) -> None:
    for statement in triggers._dropping(connection):
        execute(statement)

    call_command("migrate", verbosity=0)

    new_endpoint(key)
    end_job(key)
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_migration_that_makes_a_table_anew_keeps_the_trigger(key: ApiKey) -> None:
    """On SQLite the table goes with its triggers, and none may name it meanwhile."""
    config = apps.get_app_config("webhooks")
    for model in (GenerationJob, WebhookEndpoint, WebhookDelivery):
        triggers.before_migrate(using="default", plan=["something"])
        with connection.schema_editor() as editor:
            field = model._meta.pk
            remake: Callable[..., None] = getattr(editor, "_remake_table", lambda *_, **__: None)
            remake(model, alter_fields=[(field, field)])
        triggers.after_migrate(using="default", sender=config)

    new_endpoint(key)
    end_job(key)
    assert WebhookDelivery.objects.count() == 1


def test_trigger_stays_while_nothing_is_migrated(key: ApiKey) -> None:
    triggers.before_migrate(using="default", plan=[])

    new_endpoint(key)
    end_job(key)
    assert WebhookDelivery.objects.count() == 1
