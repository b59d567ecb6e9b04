"""Middleware of our own: request ids and headers for every route, the check of the Host for the API's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from middlewares.frame import Frame

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware(Frame):
    """Gives each request an id: the caller's X-Request-ID if it is harmless, else a new one.

    The id is in every log line of the request, on `request.request_id` and in the answer's X-Request-ID.
    """

    def begin(self, request: HttpRequest) -> None:
        offered = request.headers.get(HEADER, "")
        request_id = offered if _ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

    def end(self, request: HttpRequest, response: HttpResponseBase) -> None:
        response[HEADER] = request.request_id  # type: ignore[attr-defined]


class HeadersMiddleware(Frame):
    """settings.RESPONSE_HEADERS, which tell a browser what it may do with the answer."""

    def end(self, request: HttpRequest, response: HttpResponseBase) -> None:
        for name, value in settings.RESPONSE_HEADERS.items():
            response.headers.setdefault(name, value)


class ApiHeadersMiddleware(HeadersMiddleware):
    """With a policy for what is no page; a view that answers with one has set its own."""

    def end(self, request: HttpRequest, response: HttpResponseBase) -> None:
        super().end(request, response)
        response.headers.setdefault("Content-Security-Policy", settings.API_CONTENT_SECURITY_POLICY)


class AllowedHostMiddleware:
    """Refuses a Host outside ALLOWED_HOSTS, as CommonMiddleware does for pages.

    The probes /livez and /readyz take any: orchestrators ask by a container's address.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]):
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/api/"):
            request.get_host()  # raises DisallowedHost
        return await self.get_response(request)
