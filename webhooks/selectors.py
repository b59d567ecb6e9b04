"""Reading deliveries. Whose endpoint it is has been asked by whoever calls."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass

from django.db.models import Prefetch

from generation.errors import InvalidRequest

from .errors import DeliveryNotFound
from .models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint

MAX_PAGE = 100
MOST_ATTEMPTS = 20
"""That are shown of a delivery: more than a round has by default. Who redelivers can make any number."""
# A positive number of eight bytes in base64; of the last character four bits are used.
CURSOR_PATTERN = "^[A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]$"


@dataclass(frozen=True, slots=True)
class Page:
    """The newest deliveries first. `next_cursor` is None on the last page."""

    items: tuple[WebhookDelivery, ...]
    next_cursor: str | None


def deliveries_page(
    endpoint: WebhookEndpoint,
    *,
    status: DeliveryStatus | None = None,
    cursor: str | None = None,
    limit: int = 20,
) -> Page:
    """Without the bodies, with their latest attempts.

    Raises InvalidRequest for a cursor that no page gave, and for a limit out of range.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"The limit is a number from 1 to {MAX_PAGE}.", param="limit")
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint).defer("body").order_by("-pk")
    if status is not None:
        deliveries = deliveries.filter(status=status)
    if cursor is not None:
        deliveries = deliveries.filter(pk__lt=_position(cursor))
    items = tuple(deliveries.prefetch_related(_tries())[: limit + 1])
    return Page(items[:limit], _cursor(items[limit - 1]) if len(items) > limit else None)


def delivery_of(endpoint: WebhookEndpoint, message_id: uuid.UUID) -> WebhookDelivery:
    """Raises DeliveryNotFound, for another endpoint's as well."""
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint, message_id=message_id)
    delivery = deliveries.prefetch_related(_tries()).first()
    if delivery is None:
        raise DeliveryNotFound
    return delivery


def _tries() -> Prefetch[str]:
    return Prefetch("tries", WebhookAttempt.objects.newest(MOST_ATTEMPTS))


def _cursor(last: WebhookDelivery) -> str:
    return base64.urlsafe_b64encode(last.pk.to_bytes(8, "big")).rstrip(b"=").decode()


def _position(cursor: str) -> int:
    try:
        raw = base64.b64decode(f"{cursor}=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    position = int.from_bytes(raw, "big")
    if len(raw) != 8 or position >= 2**63:
        raise InvalidRequest("Use the next_cursor of the page before.", param="cursor")
    return position
