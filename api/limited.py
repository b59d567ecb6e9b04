"""Requests that count towards the limits of a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.http import HttpResponse

from apikeys import limits
from apikeys.models import ApiKey


async def within_limits(key: ApiKey, answer: Callable[[], Awaitable[HttpResponse]]) -> HttpResponse:
    """The answer, with what it says of the limits. Raises RateLimited, and what `answer` raises."""
    async with await limits.admit(key) as admission:
        response = await answer()
    for name, value in admission.headers.items():
        response[name] = value
    return response
