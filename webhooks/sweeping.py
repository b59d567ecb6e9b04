"""What one process does for all: old deliveries are deleted, secrets that have ended are forgotten, and what
is never to be sent is given up."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from generation.running import leases

from .locking import lock
from .models import DeliveryStatus, GivenUpBecause, WebhookAttempt, WebhookDelivery, WebhookEndpoint

NAME = "webhook-sweeper"
PERIOD_S = 60.0
_BATCH = 500
_GIVEN_UP_AT_ONCE = 2000
_MOST_BATCHES = 20
_REMOVED_FOR_S = 3600.0
"""A job that ended while its endpoint was being removed may have made a delivery a moment later."""


def sweep(owner: str) -> None:
    """Does nothing while another process holds the lease."""
    fence = leases.hold(NAME, owner, lease_s=3 * PERIOD_S)
    if fence is None:
        return
    give_up()
    forget_removed()
    forget_ended_secrets()
    for _ in range(_MOST_BATCHES):
        if not (leases.is_held(NAME, owner, fence) and delete_old()):
            break


def give_up() -> int:
    """What is never to be sent: its endpoint was removed, its key revoked, or it has waited for
    WEBHOOK_RETRY_FOR_S for an endpoint that is switched off. Returns how many.

    Of one that is on, each message is tried at least once more, however long no sender ran.
    """
    long_ago = Q(round_began_at__lte=_ago(settings.WEBHOOK_RETRY_FOR_S))
    return (
        _give_up(GivenUpBecause.REMOVED, Q(removed_at__isnull=False), _UNCLAIMED)
        + _give_up(GivenUpBecause.REVOKED, Q(key__revoked_at__isnull=False), _UNCLAIMED)
        + _give_up(GivenUpBecause.OFF, Q(disabled_at__isnull=False), _UNCLAIMED & long_ago)
    )


# A sender that died has left its claim behind, and nobody claims what is not to be sent.
_UNCLAIMED = Q(status=DeliveryStatus.PENDING) & (
    Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=Now())
)


def _give_up(because: GivenUpBecause, of_endpoint: Q, of_delivery: Q) -> int:
    waiting = WebhookDelivery.objects.filter(of_delivery)
    endpoints = WebhookEndpoint.objects.filter(of_endpoint, Exists(waiting.filter(endpoint=OuterRef("pk"))))
    given_up = 0
    for endpoint_id in list(endpoints.values_list("pk", flat=True)):
        while some := _give_up_some(because, endpoint_id, of_endpoint, waiting):
            given_up += some
    return given_up


def _give_up_some(
    because: GivenUpBecause, endpoint_id: UUID, of_endpoint: Q, waiting: QuerySet[WebhookDelivery]
) -> int:
    """Not all at once: meanwhile no sender stores what became of the others."""
    with transaction.atomic():
        lock(WebhookEndpoint.objects.filter(pk=endpoint_id))
        if not WebhookEndpoint.objects.filter(of_endpoint, pk=endpoint_id).exists():  # any more
            return 0
        picked = list(waiting.filter(endpoint=endpoint_id).values_list("pk", flat=True)[:_GIVEN_UP_AT_ONCE])
        return waiting.filter(pk__in=picked).update(
            status=DeliveryStatus.FAILED,
            given_up_because=because,
            finished_at=Now(),
            next_attempt_at=None,
            lease_expires_at=None,
        )


def delete_old() -> bool:
    """Deletes some deliveries that were finished WEBHOOK_RETENTION_S ago. True: there may be more of them."""
    if not settings.WEBHOOK_RETENTION_S:
        return False
    old = WebhookDelivery.objects.filter(finished_at__lte=_ago(settings.WEBHOOK_RETENTION_S))
    with transaction.atomic():
        picked = dict(old.order_by("finished_at").values_list("pk", "endpoint")[:_BATCH])
        lock(WebhookEndpoint.objects.filter(pk__in=set(picked.values())))
        ids = list(old.filter(pk__in=picked).values_list("pk", flat=True))  # the others are sent again
        WebhookAttempt.objects.filter(delivery__in=ids).delete()
        WebhookDelivery.objects.filter(pk__in=ids).delete()
    return len(picked) == _BATCH


def forget_removed() -> int:
    """Endpoints that were removed, once the last of their deliveries is gone; returns how many rows."""
    has_deliveries = Exists(WebhookDelivery.objects.filter(endpoint=OuterRef("pk")))
    removed = WebhookEndpoint.objects.filter(~has_deliveries, removed_at__lte=_ago(_REMOVED_FOR_S))
    return removed.delete()[0]


def forget_ended_secrets() -> int:
    """Those before the present ones, some at a time, once they are no longer valid; returns how many."""
    ended = WebhookEndpoint.objects.filter(previous_secret_until__lte=Now())
    with transaction.atomic():
        picked = list(ended.order_by("previous_secret_until").values_list("pk", flat=True)[:_BATCH])
        lock(WebhookEndpoint.objects.filter(pk__in=picked))
        return ended.filter(pk__in=picked).update(previous_secret="", previous_secret_until=None)


def release(owner: str) -> None:
    """For a process that stops."""
    leases.release(NAME, owner)


def _ago(seconds: float) -> Combinable:
    return Now() - Value(timedelta(seconds=seconds))
