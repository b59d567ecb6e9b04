"""JSON answers."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse


def json_response(data: dict[str, Any], *, status: int = 200) -> JsonResponse:
    """With the Content-Length, which only Django's middleware for pages adds."""
    response = JsonResponse(data, status=status)
    response["Content-Length"] = str(len(response.content))
    return response
