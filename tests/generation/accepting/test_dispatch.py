from __future__ import annotations

import threading
import time

import pytest
from django.conf import LazySettings
from django.db import transaction
from structlog.testing import capture_logs

from apikeys.models import ApiKey
from generation.accepting import dispatch, submission
from generation.accepting.dispatch import Publisher
from generation.models import GenerationJob
from generation.requests import GenerationRequest
from tests.waiting import wait_until


class Broker:
    """Counts what is published; down: publishing raises; frozen: it does not return."""

    def __init__(self) -> None:
        self.published = 0
        self.attempts = 0
        self.is_down = False
        self.thawed = threading.Event()
        self.thawed.set()

    def publish(self) -> None:
        self.attempts += 1
        assert self.thawed.wait(10)
        if self.is_down:
            raise ConnectionError("refused")
        self.published += 1


def test_publisher_publishes_a_wake_up_that_comes_alone() -> None:
    broker = Broker()
    publisher = Publisher(broker.publish)

    for count in range(1, 6):
        publisher.publish_soon()
        wait_until(lambda count=count: broker.published == count)  # type: ignore[misc]


def test_publisher_makes_few_wake_ups_of_many_that_come_together() -> None:
    broker = Broker()
    broker.thawed.clear()
    publisher = Publisher(broker.publish)

    publisher.publish_soon()
    wait_until(lambda: broker.attempts == 1)
    for _ in range(100):
        publisher.publish_soon(10)
    broker.thawed.set()

    wait_until(lambda: broker.published == 5)
    time.sleep(0.1)
    assert broker.published == 5


def test_publisher_never_waits_for_a_frozen_broker() -> None:
    broker = Broker()
    broker.thawed.clear()
    publisher = Publisher(broker.publish)

    began_at = time.monotonic()
    for _ in range(5000):
        publisher.publish_soon()
    took_s = time.monotonic() - began_at
    broker.thawed.set()

    assert took_s < 1
    wait_until(lambda: broker.published >= 1)


def test_publisher_logs_an_outage_once_and_its_end() -> None:
    broker = Broker()
    broker.is_down = True
    publisher = Publisher(broker.publish, pause_s=0.01)

    def failed_thrice() -> bool:
        publisher.publish_soon()
        return broker.attempts >= 3

    def published() -> bool:
        publisher.publish_soon()
        return broker.published >= 1

    with capture_logs() as logs:
        wait_until(failed_thrice)
        broker.is_down = False
        wait_until(published)
        wait_until(lambda: len(logs) >= 2)

    assert [entry["event"] for entry in logs[:2]] == ["broker_unreachable", "broker_reachable_again"]


def test_publisher_pauses_after_a_failure_and_drops_what_waits() -> None:
    broker = Broker()
    broker.is_down = True
    publisher = Publisher(broker.publish, pause_s=0.5)

    for _ in range(100):
        publisher.publish_soon()
    wait_until(lambda: broker.attempts == 1)
    time.sleep(0.2)

    assert broker.attempts == 1


@pytest.mark.django_db(transaction=True)
def test_submission_succeeds_whatever_publishing_does(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode() -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(dispatch, "jobs_queued", explode)

    submitted = submission.submit(key=key, request=GenerationRequest(prompt="Hi"))

    assert GenerationJob.objects.filter(pk=submitted.job.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_submission_without_a_broker_publishes_nothing(
    key: ApiKey, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = ""
    broker = Broker()
    monkeypatch.setattr(dispatch, "_publisher", Publisher(broker.publish))

    submission.submit(key=key, request=GenerationRequest(prompt="Hi"))

    assert dispatch._publisher._thread is None


@pytest.mark.django_db(transaction=True)
def test_submission_that_is_rolled_back_wakes_nobody(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[None] = []
    monkeypatch.setattr(dispatch, "jobs_queued", lambda: woken.append(None))

    with transaction.atomic():
        submission.submit(key=key, request=GenerationRequest(prompt="Hi"))
        transaction.set_rollback(True)

    assert not woken
