"""The API as ninja serves it, and the URLs that keep its form where ninja does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI

from . import openapi
from .docs import DocsPage
from .errors import ERRORS, answer_error, error_response, handle_errors_of
from .frontdoor.openapi import add_front_door
from .generations import router
from .generators import router as generators_router
from .parser import StrictParser
from .usage import router as usage_router
from .webhook_messages import add_messages
from .webhooks import router as webhooks_router


class Api(NinjaAPI):
    def get_openapi_schema(self, **options: Any) -> Any:
        schema = openapi.completed(super().get_openapi_schema(**options))
        add_front_door(schema)
        add_messages(schema)
        return schema


api = Api(
    title="Text generation",
    version="1.0.0",
    description=openapi.DESCRIPTION,
    urls_namespace="api",
    parser=StrictParser(),
    # No validator: it is a service of others, to whom the description would be sent.
    docs=DocsPage(settings={"persistAuthorization": False, "validatorUrl": None}),
)
handle_errors_of(api)
api.add_router("", router)
api.add_router("", generators_router)
api.add_router("", usage_router)
api.add_router("", webhooks_router)


def api_urls() -> tuple[list[URLResolver | URLPattern], str, str]:
    """What `path()` takes for the API, each view wrapped so that 404 and 405 have the form of all errors."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = _in_form(pattern.callback)
    return patterns, app_name, namespace


def _in_form(view: Any) -> Callable[..., Any]:
    if not iscoroutinefunction(view):
        return _read_only_in_form(view)

    @wraps(view)
    async def in_form(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = await view(request, *args, **kwargs)
        return _not_allowed(response["Allow"]) if response.status_code == 405 else response

    return in_form


def _read_only_in_form(view: Callable[..., HttpResponseBase]) -> Callable[..., Any]:
    """For ninja's own pages, which take every method and raise Http404 past its handlers."""

    def in_form(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return _not_allowed("GET, HEAD")
        try:
            return view(request, *args, **kwargs)
        except Http404 as error:
            return answer_error(request, error)

    in_form.csrf_exempt = True  # type: ignore[attr-defined]
    return in_form


def _not_allowed(allowed: str) -> HttpResponseBase:
    response = error_response(ERRORS["method_not_allowed"])
    response["Allow"] = allowed
    return response
