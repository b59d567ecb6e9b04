"""Which deliveries are due, and who sends which: settled in the database, as with jobs.

A claim is a pending row with a lease: an owner, an attempt number and an end, by the database's clock. A
sender that dies costs the lease; then the message is sent again, under the same id.

Whether an endpoint is on is looked at twice: for what to claim, and last of all once that is claimed. Who
switches one off meanwhile takes no lock that a claim waits for, and need not wait for one.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from generation import sql
from generation.models import GenerationJob
from llmconfigs.sealing import SealedSecret

from . import messages
from .locking import lock
from .models import DeliveryStatus, Event, WebhookDelivery, WebhookEndpoint

MOST_PER_ENDPOINT: Final = 8
"""That one process sends at a time to one endpoint; to one that fails, a single one."""

_LEASE_MARGIN_S = 5.0
"""For what happens in the database before and after the sending, which has a time limit of its own."""


@dataclass(frozen=True, slots=True)
class Lane:
    """An endpoint with messages that are due. `waited_s`: the one that is due longest, since it is."""

    endpoint_id: uuid.UUID
    is_failing: bool
    waited_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message. `secrets`: those that are valid now; `body` is "" where none can be
    made. `failures` and `round_age_s` are of the round (schedule.py), before this attempt. `seen_on_at`: by
    time.monotonic(), before the endpoint was last seen to be on, with this URL and these secrets."""

    delivery_id: int
    message_id: str
    endpoint_id: uuid.UUID
    event: str
    owner: str
    attempt: int
    url: str = field(compare=False, repr=False)
    secrets: tuple[SealedSecret, ...] = field(compare=False, repr=False)
    body: str = field(compare=False, repr=False)
    failures: int = field(compare=False)
    round_age_s: float = field(compare=False)
    seen_on_at: float = field(compare=False)


def claim_due(owner: str, room: int, busy: Mapping[uuid.UUID, int]) -> list[Claim]:
    """Up to `room` messages, now to be sent by `owner`. `busy`: how many it already sends to which."""
    taken: dict[int, uuid.UUID] = {}
    while shares := share(_lanes(), room - len(taken), Counter(busy) + Counter(taken.values())):
        more = _take(owner, shares)
        taken |= more
        if not more:  # others were quicker
            break
    return _claims(owner, taken)


def held_by(owner: str) -> list[Claim]:
    """All that are current; a claim may be that whose commit was reported as failed."""
    held = WebhookDelivery.objects.filter(
        status=DeliveryStatus.PENDING, lease_owner=owner, lease_expires_at__gt=Now()
    )
    return _claims(owner, list(held.values_list("pk", flat=True)))


def share(lanes: Sequence[Lane], room: int, busy: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """How many to take of which endpoint: one after the other gets one, the idlest first."""
    free = {
        lane.endpoint_id: (1 if lane.is_failing else MOST_PER_ENDPOINT) - busy.get(lane.endpoint_id, 0)
        for lane in sorted(lanes, key=lambda lane: (busy.get(lane.endpoint_id, 0), -lane.waited_s))
    }
    shares: Counter[uuid.UUID] = Counter()
    for turn in range(MOST_PER_ENDPOINT):
        for endpoint_id, most in free.items():
            if turn < most and shares.total() < room:
                shares[endpoint_id] += 1
    return dict(shares)


def current(claim: Claim) -> Q:
    """Of its row: nobody else has claimed it since, and nothing has been stored of this attempt."""
    return Q(
        pk=claim.delivery_id,
        status=DeliveryStatus.PENDING,
        lease_owner=claim.owner,
        attempts=claim.attempt,
        lease_expires_at__isnull=False,
    )


def _lanes() -> list[Lane]:
    """One look into the index for each endpoint that has pending messages, however many those are."""
    with connection.cursor() as cursor:
        cursor.execute(_LANES.format(now=sql.now(), waited=sql.seconds_since("found.due_at")), [])
        rows = cursor.fetchall()
    to_python = WebhookEndpoint._meta.pk.to_python
    return [
        Lane(to_python(endpoint_id), bool(is_failing), waited) for endpoint_id, is_failing, waited in rows
    ]


# From the first row of an endpoint to the first of the next: PostgreSQL would read all for a DISTINCT.
_DUE = """
    delivery.status = 'pending' AND delivery.next_attempt_at <= {now}
    AND (delivery.lease_expires_at IS NULL OR delivery.lease_expires_at <= {now})
"""
_LANES = f"""
WITH RECURSIVE waiting(endpoint_id) AS (
    SELECT (
        SELECT endpoint_id FROM webhooks_webhookdelivery WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT delivery.endpoint_id FROM webhooks_webhookdelivery AS delivery
        WHERE delivery.status = 'pending' AND delivery.endpoint_id > waiting.endpoint_id
        ORDER BY delivery.endpoint_id LIMIT 1
    )
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL
),
found AS (
    SELECT endpoint.id, endpoint.failing_since IS NOT NULL AS is_failing, (
        SELECT delivery.next_attempt_at FROM webhooks_webhookdelivery AS delivery
        WHERE delivery.endpoint_id = endpoint.id AND {_DUE}
        ORDER BY delivery.next_attempt_at LIMIT 1
    ) AS due_at
    FROM waiting JOIN webhooks_webhookendpoint AS endpoint ON endpoint.id = waiting.endpoint_id
    WHERE endpoint.disabled_at IS NULL
    AND (SELECT revoked_at FROM apikeys_apikey WHERE apikeys_apikey.id = endpoint.key_id) IS NULL
    AND (endpoint.held_until IS NULL OR endpoint.held_until <= {{now}})
)
SELECT found.id, found.is_failing, {{waited}} FROM found WHERE found.due_at IS NOT NULL
"""  # noqa: S608  (constants)


def _take(owner: str, shares: Mapping[uuid.UUID, int]) -> dict[int, uuid.UUID]:
    """Of each message the endpoint."""
    if connection.features.has_select_for_update_skip_locked:
        return _take_at_once(owner, shares)
    with transaction.atomic():
        return _take_one_by_one(owner, shares)


def _take_at_once(owner: str, shares: Mapping[uuid.UUID, int]) -> dict[int, uuid.UUID]:
    """One statement, so that no sender that is frozen in the middle of it keeps the others waiting."""
    picked = " UNION ALL ".join([_PICK.format(now=sql.now())] * len(shares))
    parameters = [value for each in shares.items() for value in each]
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(picked=picked, lease_end=sql.in_seconds(_lease_s())), [*parameters, owner]
        )
        return dict(cursor.fetchall())


_PICK = f"""
SELECT id FROM (
    SELECT delivery.id FROM webhooks_webhookdelivery AS delivery
    WHERE delivery.endpoint_id = %s AND {_DUE}
    ORDER BY delivery.next_attempt_at LIMIT %s FOR UPDATE SKIP LOCKED
) AS lane
"""  # noqa: S608  (constants)
_TAKE = """
WITH picked AS ({picked})
UPDATE webhooks_webhookdelivery AS delivery
SET attempts = delivery.attempts + 1, lease_owner = %s, lease_expires_at = {lease_end}
FROM picked WHERE delivery.id = picked.id
RETURNING delivery.id, delivery.endpoint_id
"""


def _take_one_by_one(owner: str, shares: Mapping[uuid.UUID, int]) -> dict[int, uuid.UUID]:
    """SQLite: the transaction is the only one that writes."""
    is_free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=Now())
    due = WebhookDelivery.objects.filter(
        is_free, status=DeliveryStatus.PENDING, next_attempt_at__lte=Now()
    ).order_by("next_attempt_at")
    picked = {
        delivery_id: endpoint_id
        for endpoint_id, most in shares.items()
        for delivery_id in due.filter(endpoint=endpoint_id).values_list("pk", flat=True)[:most]
    }
    WebhookDelivery.objects.filter(pk__in=picked).update(
        attempts=F("attempts") + 1, lease_owner=owner, lease_expires_at=sql.after(_lease_s())
    )
    return picked


def _lease_s() -> float:
    return float(settings.WEBHOOK_TIMEOUT_S) + _LEASE_MARGIN_S


def _claims(owner: str, taken: Collection[int]) -> list[Claim]:
    """With what has to be sent, which is stored before it is sent for the first time."""
    if not taken:
        return []
    rows = WebhookDelivery.objects.filter(pk__in=taken, lease_owner=owner).annotate(now=Now())
    deliveries = list(rows.order_by("next_attempt_at"))
    if unwritten := [delivery for delivery in deliveries if not delivery.body]:
        _write_bodies(unwritten)
    seen_on_at = time.monotonic()
    switched_on = _switched_on({delivery.endpoint_id for delivery in deliveries})
    if off := [delivery for delivery in deliveries if delivery.endpoint_id not in switched_on]:
        _give_back(owner, off)
    return [
        _claim(owner, delivery, switched_on[delivery.endpoint_id], delivery.now, seen_on_at)
        for delivery in deliveries
        if delivery.endpoint_id in switched_on
    ]


def _switched_on(endpoints: Collection[uuid.UUID]) -> dict[uuid.UUID, WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(disabled_at=None, key__revoked_at=None).in_bulk(endpoints)


def _give_back(owner: str, deliveries: Sequence[WebhookDelivery]) -> None:
    """As if they had not been claimed."""
    claimed = WebhookDelivery.objects.filter(
        pk__in=[delivery.pk for delivery in deliveries],
        status=DeliveryStatus.PENDING,
        lease_owner=owner,
        lease_expires_at__isnull=False,
    )
    with transaction.atomic():
        lock(claimed)
        claimed.update(attempts=F("attempts") - 1, lease_expires_at=None)


def _write_bodies(deliveries: Sequence[WebhookDelivery]) -> None:
    jobs = GenerationJob.objects.defer("request", "text", "tool_calls").in_bulk(
        [delivery.job_id for delivery in deliveries if delivery.job_id is not None]
    )
    for delivery in deliveries:
        job = jobs.get(delivery.job_id) if delivery.job_id else None
        if job is not None:
            delivery.body = messages.job_body(delivery, job)
    rows = WebhookDelivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries])
    unwritten = rows.filter(body="")
    with transaction.atomic():
        lock(unwritten)
        if unwritten.bulk_update(deliveries, ["body"]) == len(deliveries):
            return
    bodies = dict(rows.values_list("pk", "body"))
    for delivery in deliveries:  # somebody claimed it before, and may have been of another version
        delivery.body = bodies.get(delivery.pk, "")


def _claim(
    owner: str, delivery: WebhookDelivery, endpoint: WebhookEndpoint, now: datetime, seen_on_at: float
) -> Claim:
    secrets = [endpoint.secret]
    if endpoint.previous_secret_until is not None and endpoint.previous_secret_until > now:
        secrets.append(endpoint.previous_secret)
    return Claim(
        delivery_id=delivery.pk,
        message_id=messages.public_id(delivery),
        endpoint_id=delivery.endpoint_id,
        event=delivery.event,
        owner=owner,
        attempt=delivery.attempts,
        url=endpoint.url,
        secrets=tuple(secret for secret in secrets if secret),
        body=delivery.body,
        failures=delivery.round_failures,
        round_age_s=(now - delivery.round_began_at).total_seconds(),
        seen_on_at=seen_on_at,
    )


def is_test(claim: Claim) -> bool:
    return claim.event == Event.TEST
