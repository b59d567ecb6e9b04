"""What a request by htmx is answered in place of a redirect to the login."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect


class LoginRedirectMiddleware:
    """Whose session has ended while a page asks for its parts: the page goes to the login, then back here.

    htmx would follow a redirect unseen and put the login's form where the part belongs.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.htmx and _is_to_login(response):  # type: ignore[attr-defined]
            return HttpResponseClientRedirect(_login_and_back(request))
        return response


def _is_to_login(response: HttpResponse) -> bool:
    if response.status_code != 302:
        return False
    return urlsplit(response["Location"]).path == resolve_url(settings.LOGIN_URL)


def _login_and_back(request: HttpRequest) -> str:
    page = request.htmx.current_url_abs_path  # type: ignore[attr-defined]
    return str(redirect_to_login(page or resolve_url("web:start"))["Location"])
