"""What the list of events can be narrowed to, with choices that are quickly found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from adminlists.lookups import exactly

from .actions import Action
from .labels import SUBJECT_KINDS, actor_label, subject_label
from .models import AuditEvent
from .periods import beginning_of, end_of

LATEST_EVENTS = 2_000
MOST_ACTORS = 30
SINCE, UNTIL = "since", "until"
_OF_A_PAGE = ("p", "all", "e")
Choices = list[tuple[str, Any]]


class ActionFilter(admin.SimpleListFilter):
    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(Action.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else exactly(queryset, action=str(self.value()))


class ActorFilter(admin.SimpleListFilter):
    """The actors of the latest events; `?actor=` takes any name."""

    title = _("actor")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        latest = AuditEvent.objects.values_list("actor_name", flat=True)[:LATEST_EVENTS]
        names = sorted(set(latest))[:MOST_ACTORS]
        return [(name, actor_label(name)) for name in names if name]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else exactly(queryset, actor_name=str(self.value()))


class SubjectFilter(admin.SimpleListFilter):
    """A kind of subject, or one subject as kind:id."""

    title = _("subject")
    parameter_name = "subject"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(SUBJECT_KINDS.items())

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield from super().choices(changelist)
        kind, _colon, subject_id = (self.value() or "").partition(":")
        if subject_id:
            name = subject_label(kind, subject_id)
            yield {"selected": True, "query_string": changelist.get_query_string(), "display": name}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        kind, _colon, subject_id = str(self.value()).partition(":")
        return exactly(queryset, subject_kind=kind, **({"subject_id": subject_id} if subject_id else {}))


class PeriodFilter(admin.ListFilter):
    """From one day to another, both of them included; what is no day is not taken."""

    title = _("period")
    template = "admin/audit/auditevent/period_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in (SINCE, UNTIL):
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    @property
    def since(self) -> str:
        return str(self.used_parameters.get(SINCE, ""))

    @property
    def until(self) -> str:
        return str(self.used_parameters.get(UNTIL, ""))

    def expected_parameters(self) -> list[str | None]:
        return [SINCE, UNTIL]

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        today = timezone.localdate()
        spans = ((_("Any time"), None), (_("Today"), 0), (_("Past 7 days"), 6), (_("Past 30 days"), 29))
        for display, days in spans:
            since = (today - timedelta(days=days)).isoformat() if days is not None else ""
            query = changelist.get_query_string({SINCE: since} if since else {}, [SINCE, UNTIL])
            is_selected = (self.since, self.until) == (since, "")
            yield {"selected": is_selected, "query_string": query, "display": display}

    def others(self) -> dict[str, str]:
        """The parameters of the other filters, for the form of this one to keep."""
        own = {SINCE, UNTIL, *_OF_A_PAGE}
        return {name: str(value) for name, value in self.request.GET.items() if name not in own}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        with suppress(ValueError):
            queryset = queryset.filter(at__gte=beginning_of(self.since))
        with suppress(ValueError):
            queryset = queryset.filter(at__lt=end_of(self.until))
        return queryset
