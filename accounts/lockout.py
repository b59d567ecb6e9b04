"""Who has failed to log in too often: how the tries are counted, and what the answer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_LONGEST_NAME = 255
"""That the table of the tries can hold."""


def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str | None:
    """For settings.AXES_USERNAME_CALLABLE: the name as it was typed, but not longer than can be stored."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name)[:_LONGEST_NAME]


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """For settings.AXES_LOCKOUT_CALLABLE. It does not say whether there is such a user."""
    seconds = settings.LOGIN_COOL_OFF_S
    context = {"minutes": max(1, round(seconds / 60))}
    headers = {"Retry-After": str(round(seconds)), "Cache-Control": "no-store"}
    response = render(request, "registration/locked_out.html", context, status=429)
    for name, value in headers.items():
        response[name] = value
    return response
