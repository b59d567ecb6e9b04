"""Reading endpoints on behalf of an API key.

A key sees its own, or with the scope `manage` those of all keys. It changes its own alone: who changes where
another's messages go, or learns what they are signed with, reads and forges them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count

from apikeys.models import ApiKey, Scope
from generation.errors import InvalidRequest
from generation.selectors import cursor_at, position_of

from .errors import EndpointNotFound, NotOwnEndpoint
from .models import WebhookEndpoint
from .selectors import MAX_PAGE


@dataclass(frozen=True, slots=True)
class EndpointsPage:
    """The newest endpoints first. `next_cursor` is None on the last page."""

    items: tuple[WebhookEndpoint, ...]
    next_cursor: str | None


def endpoint_for(key: ApiKey, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """To be seen. Raises EndpointNotFound, for another's as well."""
    visible = WebhookEndpoint.objects.visible_to(key, all_keys=key.allows(Scope.MANAGE))
    endpoint = visible.select_related("key").filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointNotFound
    return endpoint


def own_endpoint(key: ApiKey, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """To be changed. Raises EndpointNotFound; NotOwnEndpoint for one that the key may only see."""
    endpoint = endpoint_for(key, endpoint_id)
    if endpoint.key_id != key.pk:
        raise NotOwnEndpoint
    return endpoint


def endpoints_page(key: ApiKey, *, cursor: str | None = None, limit: int = 20) -> EndpointsPage:
    """Raises InvalidRequest for a cursor that no page gave, and for a limit out of range."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"The limit is a number from 1 to {MAX_PAGE}.", param="limit")
    endpoints = WebhookEndpoint.objects.visible_to(key, all_keys=key.allows(Scope.MANAGE)).order_by("-pk")
    if cursor is not None:
        endpoints = endpoints.filter(pk__lt=position_of(cursor))
    items = tuple(endpoints[: limit + 1])
    return EndpointsPage(items[:limit], cursor_at(items[limit - 1].pk) if len(items) > limit else None)


def endpoint_counts(key_ids: Collection[int]) -> dict[int, int]:
    """How many endpoints each of the keys has, without those that have none."""
    rows = WebhookEndpoint.objects.kept().filter(key__in=key_ids).order_by().values_list("key")
    return dict(rows.annotate(count=Count("pk")))
