"""Sending a message again, a test, and what waits for an endpoint that is switched on again."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.trail import Subject

from . import messages, sender
from .errors import DeliveryNotFound, EndpointSwitchedOff
from .locking import lock
from .models import DeliveryStatus, Event, WebhookDelivery, WebhookEndpoint

MOST_AT_ONCE: Final = 1000


def redeliver(delivery: WebhookDelivery, *, by_staff: bool = False) -> WebhookDelivery:
    """The same message once more, at once and then by the whole schedule; one that is pending comes forward.

    One that is being sent at this moment stays so, and ends as that attempt does. What staff does stands in
    the trail; what clients do themselves, as often as they like, does not.
    Raises EndpointSwitchedOff; DeliveryNotFound if it was deleted meanwhile.
    """
    with transaction.atomic():
        _call_now(delivery.endpoint_id)
        found = WebhookDelivery.objects.filter(pk=delivery.pk).update(
            status=DeliveryStatus.PENDING, finished_at=None, given_up_because="", **_new_round()
        )
        if not found:
            raise DeliveryNotFound
        transaction.on_commit(sender.wake_here, robust=True)
        delivery.refresh_from_db()
        if by_staff:
            _record(Action.WEBHOOK_REDELIVERED, delivery.endpoint, {"message": messages.public_id(delivery)})
    return delivery


def redeliver_failed(endpoint: WebhookEndpoint) -> int:
    """By staff: what failed, tests apart, once more. Returns how many messages: the newest, MOST_AT_ONCE at
    most.

    Raises EndpointSwitchedOff.
    """
    failed = WebhookDelivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.FAILED)
    newest = failed.exclude(event=Event.TEST).order_by("-pk").values_list("pk", flat=True)
    with transaction.atomic():
        _call_now(endpoint.pk)
        sent = failed.filter(pk__in=list(newest[:MOST_AT_ONCE])).update(
            status=DeliveryStatus.PENDING, finished_at=None, given_up_because="", **_new_round()
        )
        transaction.on_commit(sender.wake_here, robust=True)
        if sent:
            _record(Action.WEBHOOK_REDELIVERED, endpoint, {"messages": sent})
    return sent


def send_test(endpoint: WebhookEndpoint, *, by_staff: bool = False) -> WebhookDelivery:
    """A message of no job. It is tried once, and says nothing about whether the endpoint fails for days.

    Raises EndpointSwitchedOff.
    """
    delivery = WebhookDelivery(endpoint=endpoint, event=Event.TEST, created_at=timezone.now(), **_new_round())
    delivery.body = messages.test_body(delivery)
    with transaction.atomic():
        _call_now(endpoint.pk)
        delivery.save(force_insert=True)
        delivery.refresh_from_db(fields=["next_attempt_at", "round_began_at"])
        transaction.on_commit(sender.wake_here, robust=True)
        if by_staff:
            _record(Action.WEBHOOK_TESTED, endpoint, {"message": messages.public_id(delivery)})
    return delivery


def resume(endpoint: WebhookEndpoint) -> int:
    """What waits for an endpoint that was just switched on is due now; returns how many messages.

    For the transaction that switches it on.
    """
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.PENDING)
    lock(waiting)  # a sender may be giving back what it had claimed
    resumed = waiting.update(**_new_round())
    transaction.on_commit(sender.wake_here, robust=True)
    return resumed


def _record(action: Action, endpoint: WebhookEndpoint, details: dict[str, Any]) -> None:
    trail.record(action, Subject("webhook", str(endpoint.pk), endpoint.origin), details=details)


def _call_now(endpoint_id: Any) -> None:
    """Whatever the receiver has asked for: a person wants it."""
    # No join: PostgreSQL would not look again at a row that was switched off meanwhile.
    is_not_revoked = Exists(ApiKey.objects.filter(pk=OuterRef("key"), revoked_at=None))
    is_on = WebhookEndpoint.objects.filter(is_not_revoked, pk=endpoint_id, disabled_at__isnull=True)
    if not is_on.update(held_until=None):
        raise EndpointSwitchedOff


def _new_round() -> dict[str, Any]:
    return {"next_attempt_at": Now(), "round_began_at": Now(), "round_failures": 0}
