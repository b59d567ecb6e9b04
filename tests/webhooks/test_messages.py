from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

import pytest

from api import answers as api_answers
from apikeys.models import ApiKey
from generation import retention
from generation.failures import API_ERRORS
from generation.models import JobStatus
from generation.queue.outcomes import Outcome, failed
from tests.generation.jobs import TRACE, seconds_ago
from tests.webhooks.receiving import end_job, new_endpoint
from webhooks import claims, messages
from webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db


def body_of(key: ApiKey, *outcome: Outcome, **fields: Any) -> dict[str, Any]:
    job = end_job(key, *outcome, **fields)
    delivery = WebhookDelivery.objects.get()
    body: dict[str, Any] = json.loads(messages.job_body(delivery, job))
    return body


def test_completed_job_as_a_thin_message(key: ApiKey) -> None:
    new_endpoint(key)
    origin = uuid.uuid4()

    body = body_of(key, metadata={"customer": "Bäcker 7"}, rerun_of=origin)

    delivery = WebhookDelivery.objects.get()
    job_id = str(delivery.job_id)
    data = body.pop("data")
    assert body == {"type": "generation.completed", "timestamp": data["finished_at"]}
    assert datetime.fromisoformat(data.pop("created_at")) <= datetime.fromisoformat(data.pop("finished_at"))
    assert data == {
        "id": job_id,
        "status": "completed",
        "generator": "text-v1",
        "metadata": {"customer": "Bäcker 7"},
        "status_url": f"/api/v1/generations/{job_id}",
        "rerun_of": str(origin),
        "warnings": [],
        "error": None,
    }


def test_failed_job_says_what_the_api_says(key: ApiKey) -> None:
    new_endpoint(key)
    error = API_ERRORS["backend_timeout"]

    body = body_of(key, failed(error, trace=TRACE))

    assert body["type"] == "generation.failed"
    assert body["data"]["error"] == {"code": "backend_timeout", "message": error.message}


def test_cancelled_job_has_no_error(key: ApiKey) -> None:
    new_endpoint(key)

    body = body_of(key, Outcome(status=JobStatus.CANCELLED, trace=TRACE))

    assert (body["type"], body["data"]["error"]) == ("generation.cancelled", None)


def test_what_both_tell_reads_as_in_the_api(key: ApiKey) -> None:
    new_endpoint(key)
    job = end_job(key, metadata={"a": "b"}, rerun_of=uuid.uuid4())

    told = json.loads(messages.job_body(WebhookDelivery.objects.get(), job))["data"]

    answer = api_answers.generation(job).model_dump(mode="json")
    assert told.pop("generator") == answer["meta"]["generator"]
    assert told == {name: answer[name] for name in told}


def test_message_of_a_job_whose_result_has_expired_is_whole(key: ApiKey, settings: Any) -> None:
    settings.GENERATION_RESULT_RETENTION_S = 0.001
    new_endpoint(key)
    job = end_job(key, metadata={"a": "b"})
    delivery = WebhookDelivery.objects.get()
    before = messages.job_body(delivery, job)

    retention.expire()

    job.refresh_from_db()
    assert job.result_expired_at is not None
    assert messages.job_body(delivery, job) == before


def test_body_is_written_when_it_is_claimed_and_never_again(key: ApiKey) -> None:
    new_endpoint(key)
    job = end_job(key)

    (claim,) = claims.claim_due("sender", 1, {})
    type(job).objects.update(generator="text-v2")
    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(1))
    (again,) = claims.claim_due("sender", 1, {})

    assert again.attempt == 2
    assert again.body == claim.body == WebhookDelivery.objects.get().body
    assert json.loads(claim.body)["data"]["generator"] == "text-v1"


def test_public_ids_are_read_back() -> None:
    delivery = WebhookDelivery(endpoint=WebhookEndpoint())

    assert messages.parse_public_id(messages.public_id(delivery)) == delivery.message_id
    assert messages.parse_public_id("msg_") is None
    assert messages.parse_public_id(str(delivery.message_id)) is None
