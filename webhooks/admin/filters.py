"""What the lists can be narrowed to, with choices that are quickly found."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from adminlists.lookups import exactly

from ..models import DeliveryStatus, DisabledBecause, WebhookEndpoint

MOST_ENDPOINTS = 50

Choices = list[tuple[str, Any]]


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("on", _("Switched on")), ("trouble", _("On, and failing")), *DisabledBecause.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_on = Q(disabled_at=None)
        kept = {"on": is_on, "trouble": is_on & Q(failing_since__isnull=False)}
        kept |= {because: Q(disabled_because=because) for because in DisabledBecause.values}
        return queryset.filter(kept.get(self.value() or "", Q()))


class StatusFilter(admin.SimpleListFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(DeliveryStatus.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else exactly(queryset, status=str(self.value()))


class EndpointFilter(admin.SimpleListFilter):
    """The newest endpoints; `?endpoint=` takes the id of any."""

    title = _("endpoint")
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        newest = WebhookEndpoint.objects.kept().select_related("key")[:MOST_ENDPOINTS]
        return [(str(each.pk), f"{each} ({each.key.name})") for each in newest]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        endpoint_id = uuid_in(self.value() or "")
        return queryset if endpoint_id is None else queryset.filter(endpoint=endpoint_id)


def uuid_in(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None
