"""Who has failed to log in too often: how the tries are counted, and what the answer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_failure_limit
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_LONGEST_NAME = 255
"""That the table of the tries can hold."""


class TwoLimits(AxesDatabaseHandler):  # type: ignore[misc]
    """For settings.AXES_HANDLER, which knows one limit, of a name at an address. Here an address has another
    for all names together: else who tries one password with every name would never meet any.

    A login that succeeds forgets the failures of its name alone.
    """

    def get_failures(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> int:
        failures: int = super().get_failures(request, credentials)
        of_address = self._failures_of_address(request)
        if not 0 < settings.LOGIN_ATTEMPTS_PER_ADDRESS <= of_address:
            return failures
        request.is_address_locked = True  # type: ignore[attr-defined]
        return max(failures, of_address, int(get_failure_limit(request, credentials)))

    def _failures_of_address(self, request: HttpRequest) -> int:
        """0 for an address that is not known: all of those would share one count."""
        address = request.axes_ip_address  # type: ignore[attr-defined]
        if address is None:
            return 0
        since = get_cool_off_threshold(request)
        recent = AccessAttempt.objects.filter(ip_address=address, attempt_time__gte=since)
        failures: int | None = recent.aggregate(failures=Sum("failures_since_start"))["failures"]
        return failures or 0


def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str | None:
    """For settings.AXES_USERNAME_CALLABLE: the name as it was typed, but not longer than can be stored."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name)[:_LONGEST_NAME]


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """For settings.AXES_LOCKOUT_CALLABLE. It does not say whether there is such a user."""
    seconds = settings.LOGIN_COOL_OFF_S
    of_address = getattr(request, "is_address_locked", False)
    context = {"minutes": max(1, round(seconds / 60)), "of_address": of_address}
    headers = {"Retry-After": str(round(seconds)), "Cache-Control": "no-store"}
    response = render(request, "registration/locked_out.html", context, status=429)
    for name, value in headers.items():
        response[name] = value
    return response
