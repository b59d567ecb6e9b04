"""Messages from real processes: a worker, and a web server that runs the jobs itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apikeys import issuing
from apikeys.models import ApiKey
from tests.api.frontdoor.upstream import running as running_receiver
from tests.certificates import self_signed_context
from tests.generation.jobs import queue_job, seconds_ago
from tests.generation.workers import WorkerProcess, running_worker
from tests.llmbackends import faults
from tests.llmbackends.fault_server import FaultServer
from tests.processes import running_server
from tests.waiting import wait_until
from tests.webhooks.receiving import SECRET, end_job, new_endpoint, verified, wait_for_status
from webhooks.models import AttemptOutcome, DeliveryStatus, WebhookDelivery

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

TAKEN = faults.answer(200, {})


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[FaultServer]:
    """Over HTTPS; it hangs until it is told to take what comes."""
    with running_receiver(faults.silence, tls=self_signed_context(tmp_path / "receiver.pem")) as server:
        yield server


@pytest.fixture
def environment(process_environment: dict[str, str], valkey_url: str, tmp_path: Path) -> dict[str, str]:
    trusted = str(tmp_path / "receiver.pem")
    return process_environment | {
        "REDIS_URL": valkey_url,
        "SSL_CERT_FILE": trusted,
        "WEBHOOK_TIMEOUT_S": "60",
    }


def worker(environment: dict[str, str], log_file: Path) -> AbstractContextManager[WorkerProcess]:
    return running_worker(environment, log_file, "--concurrency", "2")


def test_worker_tells_that_a_job_has_ended(
    key: ApiKey, receiver: FaultServer, environment: dict[str, str], tmp_path: Path
) -> None:
    receiver.play_only(TAKEN)
    new_endpoint(key, receiver.url)

    with worker(environment, tmp_path / "log"):
        job = queue_job(key, request={"messages": [{"role": "user", "content": "Hello"}]})
        wait_until(lambda: bool(receiver.requests))
        wait_for_status(WebhookDelivery.objects.get(), DeliveryStatus.DELIVERED)

    data = verified(receiver.requests[0], SECRET)["data"]
    assert (data["id"], data["status"]) == (str(job.pk), "completed")


def test_message_of_a_worker_that_is_killed_arrives_again_under_the_same_id(
    key: ApiKey, receiver: FaultServer, environment: dict[str, str], tmp_path: Path
) -> None:
    new_endpoint(key, receiver.url)
    end_job(key)
    with worker(environment, tmp_path / "first") as killed:
        wait_until(lambda: bool(receiver.requests))
        killed.kill()
    delivery = WebhookDelivery.objects.get()
    assert delivery.lease_expires_at is not None
    assert delivery.status == DeliveryStatus.PENDING

    receiver.play_only(TAKEN)
    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(1))  # as if it had run out
    with worker(environment, tmp_path / "second"):
        wait_for_status(delivery, DeliveryStatus.DELIVERED)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert verified(first, SECRET) == verified(second, SECRET)
    assert [attempt.number for attempt in delivery.tries.all()] == [2]


def test_worker_that_is_stopped_gives_its_message_back(
    key: ApiKey, receiver: FaultServer, environment: dict[str, str], tmp_path: Path
) -> None:
    new_endpoint(key, receiver.url)
    end_job(key)

    with worker(environment, tmp_path / "log") as stopped:
        wait_until(lambda: bool(receiver.requests))
        assert stopped.end(signal.SIGTERM) == 0

    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.lease_expires_at) == (DeliveryStatus.PENDING, None)
    assert delivery.tries.get().outcome == AttemptOutcome.STOPPED


def test_server_that_runs_the_jobs_itself_tells_of_them(
    receiver: FaultServer, environment: dict[str, str]
) -> None:
    receiver.play_only(TAKEN)
    issued = issuing.issue(name="Client", scopes=["generate", "read"])
    new_endpoint(issued.key, receiver.url)

    with running_server(environment | {"REDIS_URL": ""}) as server:
        answer: Any = httpx.post(
            f"{server.base_url}/api/v1/generations",
            json={"prompt": "Hello", "metadata": {"form": "7"}},
            headers={"Authorization": f"Bearer {issued.secret.reveal()}"},
            timeout=30,
        ).json()
        wait_until(lambda: bool(receiver.requests))
        wait_for_status(WebhookDelivery.objects.get(), DeliveryStatus.DELIVERED)

    message = verified(receiver.requests[0], SECRET)
    assert message["data"]["status_url"] == answer["status_url"]
    assert message["data"]["metadata"] == {"form": "7"}
