"""Endpoints and what arrives at them, judged as a receiver would."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from apikeys.models import ApiKey
from generation import endings
from generation.claims import claim_next
from generation.models import GenerationJob
from generation.outcomes import Outcome
from llmbackends.secret import Secret
from tests.generation.jobs import COMPLETED, queue_job
from webhooks.models import WebhookEndpoint

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOWHERE = "http://127.0.0.1:9/hooks"


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_endpoint(
    key: ApiKey, url: str = NOWHERE, *, secret: str = SECRET, previous_secret: str = "", **fields: Any
) -> WebhookEndpoint:
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
