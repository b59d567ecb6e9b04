"""Endpoints and what arrives at them, judged as a receiver would."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from apikeys.models import ApiKey
from generation.models import GenerationJob
from generation.queue import endings
from generation.queue.outcomes import Outcome
from llmbackends.secret import Secret
from tests.generation.jobs import COMPLETED, claim_next, queue_job
from tests.llmbackends.fault_server import SeenRequest
from tests.waiting import wait_until
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.sender import WebhookSender

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOWHERE = "http://127.0.0.1:9/hooks"


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_endpoint(
    key: ApiKey, url: str | None = None, *, secret: str = SECRET, previous_secret: str = "", **fields: Any
) -> WebhookEndpoint:
    """Without a URL, one that nobody listens on and that no other endpoint has."""
    url = f"{NOWHERE}/{secrets.token_hex(8)}" if url is None else url
    return WebhookEndpoint.objects.create(
        key=key, url=url, secret=Secret(secret), previous_secret=Secret(previous_secret), **fields
    )


def end_job(key: ApiKey, outcome: Outcome = COMPLETED, **fields: Any) -> GenerationJob:
    """A job that a worker has finished."""
    job = queue_job(key, **fields)
    claim = claim_next("worker")
    assert claim is not None
    assert claim.job_id == job.pk
    assert endings.finish(claim, outcome)
    job.refresh_from_db()
    return job


@contextlib.contextmanager
def sending() -> Iterator[WebhookSender]:
    sender = WebhookSender()
    sender.start()
    try:
        yield sender
    finally:
        sender.stop(timeout_s=0)
        assert not sender._thread.is_alive()


def wait_for(delivery: WebhookDelivery, condition: Callable[[WebhookDelivery], bool]) -> WebhookDelivery:
    def is_so() -> bool:
        delivery.refresh_from_db()
        return condition(delivery)

    wait_until(is_so)
    return delivery


def wait_for_status(delivery: WebhookDelivery, status: str) -> WebhookDelivery:
    return wait_for(delivery, lambda delivery: delivery.status == status)


def verified(request: SeenRequest, secret: str) -> dict[str, Any]:
    """The message, if it is signed with `secret`. Written from the specification, not from signing.py."""
    headers = request.headers
    assert request.method == "POST"
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 300
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{request.body.decode()}"
    expected = hmac.new(key, signed.encode(), hashlib.sha256)
    given = [each.split(",", 1) for each in headers["webhook-signature"].split(" ")]
    assert any(
        version == "v1" and hmac.compare_digest(base64.b64decode(signature), expected.digest())
        for version, signature in given
    ), "No signature is valid."
    message: dict[str, Any] = json.loads(request.body)
    return message
