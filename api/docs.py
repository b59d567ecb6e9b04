"""The page on which the API is described and can be tried."""

from __future__ import annotations

from typing import Any

from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Swagger


class DocsPage(Swagger):
    """From our own host alone, under the policy of pages, which the API's other answers do not have."""

    template = "api/docs.html"

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        page = super().render_page(request, api, **kwargs)
        page["Content-Security-Policy"] = build_policy()
        return page
