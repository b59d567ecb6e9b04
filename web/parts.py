"""Parts of pages: a full page includes what htmx swaps, so both show the same."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def whole_or_part(request: HttpRequest, whole: str, part: str, context: dict[str, Any]) -> HttpResponse:
    """htmx gets the part, with `is_part` set; a browser the whole."""
    is_part = bool(request.htmx) and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    response = render(request, part if is_part else whole, context | {"is_part": is_part})
    response["Cache-Control"] = "no-store"  # else "back" could show a part as a page
    return response
