"""The sender with a real receiver on loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.utils import timezone

from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import GenerationJob
from generation.requests import GenerationRequest
from generation.running import runner
from llmbackends.zone_setting import parse_zones
from tests.api.frontdoor.upstream import running as running_receiver
from tests.generation.conftest import backend  # noqa: F401  (a fixture)
from tests.generation.jobs import seconds_ago
from tests.generation.scripted import ScriptedBackend
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault, FaultServer
from tests.waiting import wait_until
from tests.webhooks.receiving import (
    SECRET,
    end_job,
    new_endpoint,
    new_secret,
    sending,
    verified,
    wait_for,
    wait_for_status,
)
from webhooks import calling, claims, deliveries, endings, sender
from webhooks.models import (
    AttemptOutcome,
    DeliveryStatus,
    DisabledBecause,
    GivenUpBecause,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN = faults.answer(200, {})


def deliver(
    key: ApiKey, *answers: Fault, attempts: int = 1, **fields: Any
) -> tuple[FaultServer, WebhookDelivery]:
    """One message to a receiver that answers so, until it has been tried so often."""
    with running_receiver(*answers) as receiver:
        new_endpoint(key, f"{receiver.url}/hooks?token=1", **fields)
        end_job(key)
        delivery = WebhookDelivery.objects.get()
        with sending():
            for number in range(1, attempts):
                wait_for(delivery, has_tried(number))
                WebhookDelivery.objects.update(next_attempt_at=seconds_ago(1))
            wait_for(delivery, has_tried(attempts))
    return receiver, delivery


def has_tried(number: int) -> Any:
    return lambda delivery: delivery.tries.count() == number and delivery.lease_expires_at is None


def test_message_arrives_signed(key: ApiKey) -> None:
    receiver, delivery = deliver(key, TAKEN)

    (request,) = receiver.requests
    message = verified(request, SECRET)
    assert message["type"] == "generation.completed"
    assert message["data"]["id"] == str(delivery.job_id)
    assert request.body.decode() == delivery.body
    assert request.path == "/hooks?token=1"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["webhook-id"] == f"msg_{delivery.message_id.hex}"
    assert delivery.status == DeliveryStatus.DELIVERED


def test_while_secrets_change_either_verifies(key: ApiKey) -> None:
    old, new = new_secret(), new_secret()

    receiver, _ = deliver(key, TAKEN, secret=new, previous_secret=old, previous_secret_until=seconds_ago(-60))

    (request,) = receiver.requests
    assert verified(request, new) == verified(request, old)
    with pytest.raises(AssertionError, match="No signature"):
        verified(request, new_secret())


def test_message_is_sent_again_until_it_is_taken(key: ApiKey) -> None:
    receiver, delivery = deliver(
        key, faults.answer(500), faults.reset_before_answer, faults.answer(404), TAKEN, attempts=4
    )

    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    assert [verified(request, SECRET)["type"] for request in receiver.requests]
    assert delivery.status == DeliveryStatus.DELIVERED
    assert [(attempt.number, attempt.outcome, attempt.status_code) for attempt in delivery.tries.all()] == [
        (1, AttemptOutcome.HTTP_STATUS, 500),
        (2, AttemptOutcome.CONNECTION_FAILED, None),
        (3, AttemptOutcome.HTTP_STATUS, 404),
        (4, AttemptOutcome.DELIVERED, 200),
    ]


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (faults.answer(500, {"secret": "internals"}), AttemptOutcome.HTTP_STATUS, "HTTP 500"),
        (faults.answer(302, Location="http://127.0.0.1:9/elsewhere"), AttemptOutcome.HTTP_STATUS, "redirect"),
        (faults.close_before_answer, AttemptOutcome.CONNECTION_FAILED, "lost"),
        (faults.raw(b"SSH-2.0-OpenSSH\r\n\r\n"), AttemptOutcome.CONNECTION_FAILED, "not HTTP"),
    ],
)
def test_failure_is_noted_with_its_reason(
    answer: Fault, outcome: AttemptOutcome, reason: str, key: ApiKey
) -> None:
    receiver, delivery = deliver(key, answer)

    attempt = WebhookAttempt.objects.get()
    assert attempt.outcome == outcome
    assert reason in attempt.reason
    assert "internals" not in attempt.reason
    assert len(receiver.requests) == 1
    assert delivery.status == DeliveryStatus.PENDING


def test_receiver_has_its_time_and_no_more(key: ApiKey, settings: LazySettings) -> None:
    settings.WEBHOOK_TIMEOUT_S = 0.3

    receiver, _ = deliver(key, faults.silence)

    attempt = WebhookAttempt.objects.get()
    assert attempt.outcome == AttemptOutcome.TIMEOUT
    assert 0.3 <= attempt.duration_s < 2
    assert receiver.open_connections == 0


@pytest.mark.parametrize("answer", [faults.silence_after_headers, faults.huge_body(50_000_000)])
def test_answer_is_hardly_read(answer: Fault, key: ApiKey) -> None:
    _, delivery = deliver(key, answer)

    assert delivery.status == DeliveryStatus.DELIVERED
    assert WebhookAttempt.objects.get().duration_s < 2


def test_nobody_listens(key: ApiKey) -> None:
    new_endpoint(key, "http://127.0.0.1:9/hooks")
    end_job(key)

    with sending():
        wait_for(WebhookDelivery.objects.get(), has_tried(1))

    attempt = WebhookAttempt.objects.get()
    assert attempt.outcome == AttemptOutcome.CONNECTION_FAILED
    assert "connection refused" in attempt.reason


def test_gone_receiver_is_called_no_more(key: ApiKey) -> None:
    receiver, delivery = deliver(key, faults.answer(410))
    end_job(key)

    assert delivery.status == DeliveryStatus.FAILED
    assert delivery.endpoint.disabled_because == DisabledBecause.GONE
    assert WebhookDelivery.objects.count() == 1
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_receiver_that_asks_for_patience_gets_it(status: int, key: ApiKey) -> None:
    _, delivery = deliver(key, faults.answer(status, Retry_After="900"))

    held_until, next_attempt_at = delivery.endpoint.held_until, delivery.next_attempt_at
    assert held_until is not None
    assert next_attempt_at is not None
    assert abs((held_until - next_attempt_at).total_seconds()) < 1
    assert seconds_ago(-890) < next_attempt_at < seconds_ago(-910)


def test_other_errors_ask_for_no_patience(key: ApiKey) -> None:
    _, delivery = deliver(key, faults.answer(500, Retry_After="900"))

    assert delivery.endpoint.held_until is None


# --- What cannot be sent


def test_secret_that_cannot_be_read_is_a_failure_and_sends_nothing(
    key: ApiKey, settings: LazySettings
) -> None:
    keys = settings.FIELD_ENCRYPTION_KEYS
    with running_receiver(TAKEN) as receiver:
        new_endpoint(key, receiver.url)
        end_job(key)
        settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXIta2V5LWZvci10aGUtdGVzdHMtb25seS0wMDE="]
        delivery = WebhookDelivery.objects.get()
        with sending():
            wait_for(delivery, has_tried(1))
            assert not receiver.requests
            settings.FIELD_ENCRYPTION_KEYS = keys
            WebhookDelivery.objects.update(next_attempt_at=seconds_ago(1))
            wait_for_status(delivery, DeliveryStatus.DELIVERED)

    attempt = WebhookAttempt.objects.earliest("number")
    assert attempt.outcome == AttemptOutcome.NOT_SENT
    assert "could not be signed" in attempt.reason
    assert delivery.endpoint.failing_since is None


def test_endpoint_without_a_secret_gets_nothing(key: ApiKey) -> None:
    receiver, _ = deliver(key, TAKEN, secret="")

    assert not receiver.requests
    assert WebhookAttempt.objects.get().outcome == AttemptOutcome.NOT_SENT


def test_message_of_a_job_that_is_gone_ends_at_once_and_says_why(key: ApiKey) -> None:
    with running_receiver(TAKEN) as receiver:
        endpoint = new_endpoint(key, receiver.url)
        end_job(key)
        GenerationJob.objects.all().delete()
        with sending():
            delivery = wait_for_status(WebhookDelivery.objects.get(), DeliveryStatus.FAILED)

    assert not receiver.requests
    assert delivery.given_up_because == GivenUpBecause.JOB_GONE
    assert delivery.tries.get().outcome == AttemptOutcome.NOT_SENT
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("http://169.254.169.254/latest", AttemptOutcome.REFUSED_ADDRESS),
        ("https://192.0.2.1/hooks", AttemptOutcome.REFUSED_ADDRESS),
        ("http://user:password@127.0.0.1/hooks", AttemptOutcome.REFUSED_ADDRESS),
        ("ftp://127.0.0.1/hooks", AttemptOutcome.REFUSED_ADDRESS),
        ("", AttemptOutcome.REFUSED_ADDRESS),
        ("http://no-such-name.invalid/hooks", AttemptOutcome.CONNECTION_FAILED),
    ],
)
def test_address_that_cannot_be_called_is_a_failure(
    url: str, outcome: AttemptOutcome, key: ApiKey, settings: LazySettings
) -> None:
    settings.OUTGOING_ZONES = settings.WEBHOOK_ZONES = parse_zones("loopback=127.0.0.0/8, *.invalid")
    settings.LLM_ALLOW_REMOTE = False
    new_endpoint(key, url)
    end_job(key)

    with sending():
        wait_for(WebhookDelivery.objects.get(), has_tried(1))

    assert WebhookAttempt.objects.get().outcome == outcome
    assert WebhookDelivery.objects.get().status == DeliveryStatus.PENDING


def test_certificate_that_is_not_trusted_is_a_failure(key: ApiKey) -> None:
    with running_receiver(TAKEN) as receiver:
        new_endpoint(key, receiver.url.replace("http:", "https:"))
        end_job(key)
        with sending():
            wait_for(WebhookDelivery.objects.get(), has_tried(1))

    assert WebhookAttempt.objects.get().outcome == AttemptOutcome.CONNECTION_FAILED


def test_sender_that_was_held_up_looks_again_before_it_calls(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is frozen in the middle, while its endpoint is switched off."""
    real, held_up_s = claims.claim_due, calling.BEGINS_WITHIN_S + 1

    def claim_due(*args: Any) -> list[claims.Claim]:
        late = [replace(claim, seen_on_at=claim.seen_on_at - held_up_s) for claim in real(*args)]
        if late:
            WebhookEndpoint.objects.update(disabled_at=timezone.now())
        return late

    monkeypatch.setattr(claims, "claim_due", claim_due)
    receiver, delivery = deliver(key, TAKEN)

    assert not receiver.requests
    assert delivery.tries.get().outcome == AttemptOutcome.STOPPED
    assert (delivery.status, delivery.round_failures) == (DeliveryStatus.PENDING, 0)


# --- Many


def test_receiver_that_hangs_holds_nobody_up(key: ApiKey, settings: LazySettings) -> None:
    settings.WEBHOOK_TIMEOUT_S = 60
    with running_receiver(faults.silence) as hanging, running_receiver(TAKEN) as receiver:
        slow = new_endpoint(key, hanging.url)
        for _ in range(30):
            end_job(key)
        new_endpoint(key, receiver.url)
        with sending():
            wait_until(lambda: len(hanging.requests) >= 8)
            began_at = time.monotonic()
            for _ in range(20):
                end_job(key)
            wait_until(lambda: len(receiver.requests) == 20, timeout_s=10)

    assert time.monotonic() - began_at < 5
    assert len(hanging.requests) == 8
    assert not WebhookDelivery.objects.filter(endpoint=slow).exclude(status="pending").exists()


def test_many_messages_are_sent_once_each(key: ApiKey) -> None:
    with running_receiver(TAKEN) as receiver:
        new_endpoint(key, receiver.url)
        new_endpoint(key, f"{receiver.url}/second")
        jobs = [end_job(key) for _ in range(40)]
        with sending(), sending():
            wait_until(lambda: not WebhookDelivery.objects.exclude(status="delivered").exists())

    told = [json.loads(request.body)["data"]["id"] for request in receiver.requests]
    assert sorted(told) == sorted([str(job.pk) for job in jobs] * 2)
    assert len(receiver.connections) < len(receiver.requests)


# --- Waking and stopping


def test_end_of_a_job_wakes_the_sender_of_its_process(
    key: ApiKey,
    backend: ScriptedBackend,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "_POLL_INTERVAL_S", 60.0)
    with running_receiver(TAKEN) as receiver:
        new_endpoint(key, receiver.url)
        runner.start_here()
        sender.start_here()
        try:
            time.sleep(0.3)  # the sender has looked once, and looks again in a minute
            submission.submit(key=key, request=GenerationRequest(prompt="Hi"))
            wait_until(lambda: bool(receiver.requests), timeout_s=5)
        finally:
            runner.stop_here(timeout_s=0)
            sender.stop_here()

    assert verified(receiver.requests[0], SECRET)["data"]["id"] == str(GenerationJob.objects.get().pk)


def test_test_and_redelivery_wake_the_sender(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_POLL_INTERVAL_S", 60.0)
    with running_receiver(TAKEN) as receiver:
        endpoint = new_endpoint(key, receiver.url)
        sender.start_here()
        try:
            time.sleep(0.3)
            delivery = deliveries.send_test(endpoint)
            wait_for_status(delivery, DeliveryStatus.DELIVERED)
            deliveries.redeliver(delivery)
            wait_until(lambda: len(receiver.requests) == 2, timeout_s=5)
            wait_for_status(delivery, DeliveryStatus.DELIVERED)
        finally:
            sender.stop_here()

    first, second = receiver.requests
    assert verified(first, SECRET) == verified(second, SECRET)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_sender_that_stops_gives_back_what_is_not_answered(key: ApiKey) -> None:
    with running_receiver(faults.silence) as receiver:
        new_endpoint(key, receiver.url)
        end_job(key)
        with sending():
            wait_until(lambda: len(receiver.requests) == 1)
        delivery = WebhookDelivery.objects.get()
        assert (delivery.lease_expires_at, delivery.round_failures) == (None, 0)
        assert delivery.tries.get().outcome == AttemptOutcome.STOPPED

        receiver.play_only(TAKEN)
        with sending():
            wait_for_status(delivery, DeliveryStatus.DELIVERED)


def test_sender_that_stops_gives_back_what_it_is_claiming(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, has_claimed, may_return = claims.claim_due, threading.Event(), threading.Event()

    def claim_due(*args: Any) -> list[claims.Claim]:
        claimed = real(*args)
        has_claimed.set()
        may_return.wait(5)
        return claimed

    monkeypatch.setattr(claims, "claim_due", claim_due)
    with running_receiver(faults.silence) as receiver:
        new_endpoint(key, receiver.url)
        end_job(key)
        with sending() as stopped:
            assert has_claimed.wait(5)
            threading.Timer(0.2, may_return.set).start()
            stopped.stop(timeout_s=0)

    delivery = WebhookDelivery.objects.get()
    assert (delivery.attempts, delivery.lease_expires_at) == (1, None)


def test_sender_stops_though_all_its_helpers_are_looking_names_up(
    key: ApiKey, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a name server that is silent; what the system does about that takes it a minute or more."""
    monkeypatch.setattr(sender, "CONCURRENCY", 1)
    settings.WEBHOOK_ZONES = parse_zones("apps=*.example")
    is_looking, is_over, real = threading.Event(), threading.Event(), socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if host == "silent.example":
            is_looking.set()
            is_over.wait(60)
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    new_endpoint(key, "http://silent.example/hooks")
    end_job(key)
    with sending() as running:
        assert is_looking.wait(5)
        began_at = time.monotonic()
        running.stop(timeout_s=0)
        took_s = time.monotonic() - began_at
        is_over.set()

    assert took_s < 5
    assert WebhookAttempt.objects.get().outcome == AttemptOutcome.STOPPED


def test_sender_that_stops_waits_for_answers_that_come(key: ApiKey) -> None:
    with running_receiver(faults.slow_drip(b"{}", 0.2)) as receiver:
        new_endpoint(key, receiver.url)
        end_job(key)
        with sending() as running:
            wait_until(lambda: len(receiver.requests) == 1)
            running.stop(timeout_s=5)

    assert WebhookDelivery.objects.get().status == DeliveryStatus.DELIVERED


def test_result_waits_for_a_database_that_is_away(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = endings.store, [OperationalError("away"), OperationalError("away")]

    def store(*args: Any) -> bool:
        if failures:
            raise failures.pop()
        return real(*args)

    monkeypatch.setattr(endings, "store", store)
    receiver, delivery = deliver(key, TAKEN)

    assert delivery.status == DeliveryStatus.DELIVERED
    assert len(receiver.requests) == 1


def test_message_that_was_claimed_though_it_was_reported_failed_is_sent_by_who_claimed_it(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, unconfirmed = claims.claim_due, [OperationalError("the confirmation was lost")]

    def claimed_but_failed(*args: Any) -> list[claims.Claim]:
        claimed = real(*args)
        if claimed and unconfirmed:
            raise unconfirmed.pop()
        return claimed

    monkeypatch.setattr(claims, "claim_due", claimed_but_failed)
    _, delivery = deliver(key, TAKEN)

    assert not unconfirmed
    assert (delivery.attempts, delivery.tries.count()) == (1, 1)


def test_one_sender_lives_in_a_process() -> None:
    sender.start_here()
    try:
        with pytest.raises(RuntimeError):
            sender.start_here()
    finally:
        sender.stop_here()
    sender.stop_here()
