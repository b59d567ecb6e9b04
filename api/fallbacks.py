"""Errors that no view of the API makes: unknown paths, and what goes wrong before or after a view."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from .errors import ApiError, answer_error

API_PATHS = ("/api/", "/livez", "/readyz")


@csrf_exempt
def unknown_path(request: HttpRequest) -> HttpResponse:
    return answer_error(request, Http404())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, DisallowedHost):
        message = "The service does not answer under this name. Use one that its administrator has allowed."
        return answer_error(request, ApiError("invalid_request", message, param="Host"))
    return answer_error(
        request, ApiError("invalid_request", "The request is not valid HTTP for this service.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return answer_error(request, ApiError("permission_denied"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return answer_error(request, Http404())


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """Django logs the cause, after this."""
    if not _is_api(request):
        return defaults.server_error(request)
    response = answer_error(request, ApiError("internal_error"))
    response._has_been_logged = False  # type: ignore[attr-defined]
    return response


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_PATHS)
