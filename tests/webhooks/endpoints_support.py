"""Endpoints of keys, as the tests register them."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from webhooks import endpoints
from webhooks.endpoints import Issued
from webhooks.models import (
    AttemptOutcome,
    DeliveryStatus,
    DisabledBecause,
    Event,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

URL = "http://127.0.0.1:9/hooks?token=of-the-receiver"


def a_key(name: str = "shop", *scopes: str) -> ApiKey:
    return issuing.issue(name=name, scopes=scopes or ("generate", "webhooks")).key


def registered(key: ApiKey | None = None, **fields: Any) -> Issued:
    return endpoints.register(key or a_key(), **{"url": URL, **fields})


def disable(endpoint: WebhookEndpoint, because: DisabledBecause) -> WebhookEndpoint:
    """As the sender does, and others."""
    now = timezone.now()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        disabled_at=now, disabled_because=because, failing_since=now
    )
    return now_of(endpoint)


def now_of(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


def a_delivery(endpoint: WebhookEndpoint, **fields: Any) -> WebhookDelivery:
    """Of a job that has ended; pending, unless the fields say otherwise."""
    now = timezone.now()
    return WebhookDelivery.objects.create(
        **{
            "endpoint": endpoint,
            "event": Event.COMPLETED,
            "job_id": uuid.uuid4(),
            "body": '{"type":"generation.completed"}',
            "created_at": now,
            "round_began_at": now,
            "next_attempt_at": now,
            **fields,
        }
    )


def a_failed_delivery(
    endpoint: WebhookEndpoint, *, reason: str = "No route to host 10.1.2.3"
) -> WebhookDelivery:
    now = timezone.now()
    delivery = a_delivery(
        endpoint,
        event=Event.FAILED,
        status=DeliveryStatus.FAILED,
        next_attempt_at=None,
        finished_at=now,
        attempts=2,
    )
    tries = ((1, AttemptOutcome.CONNECTION_FAILED, None), (2, AttemptOutcome.HTTP_STATUS, 500))
    for number, outcome, status_code in tries:
        WebhookAttempt.objects.create(
            delivery=delivery,
            number=number,
            started_at=now,
            duration_s=0.25,
            outcome=outcome,
            status_code=status_code,
            reason=reason,
        )
    return delivery
