"""What a client gets to see of its webhooks, and nothing else: each field is named here."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from django.utils import timezone
from pydantic import BaseModel, Field

from webhooks import endpoints, messages
from webhooks.models import DisabledBecause, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.selectors import MOST_ATTEMPTS

from .webhook_requests import DeliveryStatusName, EventName

DisabledReason = Literal["client", "administrator", "failing", "gone"]
MessageType = Literal["generation.completed", "generation.failed", "generation.cancelled", "webhook.test"]
Outcome = Literal[
    "delivered", "http_status", "timeout", "connection_failed", "refused_address", "not_sent", "stopped"
]


class Webhook(BaseModel):
    id: UUID
    object: Literal["webhook"] = "webhook"
    url: str
    description: str
    events: list[EventName]
    enabled: bool = Field(description="Whether messages are sent.")
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None = Field(
        description="`client`: you switched it off. `administrator`: only they switch it on again. "
        "`failing`: messages could not be delivered for days. `gone`: it answered 410."
    )
    failing_since: datetime | None = Field(description="When the first failure after the last success was.")
    last_success_at: datetime | None
    previous_secret_valid_until: datetime | None = Field(
        description="Until then messages are signed with the secret before the present one as well."
    )
    created_at: datetime


class WebhookWithSecret(Webhook):
    secret: str = Field(description="What messages are signed with. It is shown now and never again.")


class WebhookList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Webhook]
    next_cursor: str | None = Field(description="For the parameter `cursor`; null on the last page.")


class Attempt(BaseModel):
    number: int
    started_at: datetime
    duration_s: float
    outcome: Outcome = Field(
        description="`delivered`: answered with 2xx. `http_status`: answered with something else. "
        "`timeout`: no answer in time. `connection_failed`: no connection, or one that broke. "
        "`refused_address`: an address that is not called. `not_sent`, `stopped`: the fault was ours."
    )
    http_status: int | None = Field(description="Null where no answer came.")


class Delivery(BaseModel):
    id: str = Field(description="What the header `webhook-id` says: the same in every attempt.")
    object: Literal["webhook_delivery"] = "webhook_delivery"
    webhook_id: UUID
    type: MessageType
    generation_id: UUID | None = Field(description="Null for a test.")
    status: DeliveryStatusName
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="Set if and only if the status is `pending`.")
    finished_at: datetime | None
    attempt_count: int = Field(
        description="How many were begun, with one that is under way or of which nothing was heard again."
    )
    attempts: list[Attempt] = Field(
        description="The latest, the first of them first.", max_length=MOST_ATTEMPTS
    )


class DeliveryList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Delivery]
    next_cursor: str | None = Field(description="For the parameter `cursor`; null on the last page.")


def webhook(endpoint: WebhookEndpoint) -> Webhook:
    until = endpoint.previous_secret_until
    return Webhook(
        id=endpoint.pk,
        url=endpoint.url,
        description=endpoint.description,
        events=cast(list[EventName], list(endpoints.events_of(endpoint))),
        enabled=endpoint.disabled_at is None,
        disabled_at=endpoint.disabled_at,
        disabled_reason=_reason(endpoint),
        failing_since=endpoint.failing_since,
        last_success_at=endpoint.succeeded_at,
        previous_secret_valid_until=until if until is not None and until > timezone.now() else None,
        created_at=endpoint.created_at,
    )


def webhook_with_secret(issued: endpoints.Issued) -> WebhookWithSecret:
    return WebhookWithSecret(**webhook(issued.endpoint).model_dump(), secret=issued.secret.reveal())


def delivery(row: WebhookDelivery) -> Delivery:
    is_pending = row.status == "pending"
    return Delivery(
        id=messages.public_id(row),
        webhook_id=row.endpoint_id,
        type=cast(MessageType, row.event),
        generation_id=row.job_id,
        status=cast(DeliveryStatusName, row.status),
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at if is_pending else None,
        finished_at=row.finished_at,
        attempt_count=row.attempts,
        attempts=[_attempt(each) for each in row.tries.all()],
    )


def _attempt(row: WebhookAttempt) -> Attempt:
    return Attempt(
        number=row.number,
        started_at=row.started_at,
        duration_s=round(row.duration_s, 3),
        outcome=cast(Outcome, row.outcome),
        http_status=row.status_code,
    )


def _reason(endpoint: WebhookEndpoint) -> DisabledReason | None:
    if endpoint.disabled_at is None:
        return None
    if endpoint.disabled_because == DisabledBecause.STAFF:
        return "administrator"
    return cast(DisabledReason, endpoint.disabled_because)
