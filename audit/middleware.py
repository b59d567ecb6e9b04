"""Tells the audit trail who acts in a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from .addresses import client_address
from .context import Origin, acting, user_actor


class OriginMiddleware:
    """All events of a request come from its user, its client's address and its `request_id`.

    Comes after the middleware that set `request.user` and `request.request_id`. The user is asked for at an
    event and not before: most requests have none, and at a login it is who logs in.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]):
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer_async(request)
        with acting(lambda: origin_of(request)):
            return self.get_response(request)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: origin_of(request)):
            return await self.get_response(request)  # type: ignore[misc, no-any-return]


def origin_of(request: HttpRequest) -> Origin:
    return Origin(
        actor=user_actor(request.user),
        address=client_address(request) or "",
        request_id=getattr(request, "request_id", ""),
    )
