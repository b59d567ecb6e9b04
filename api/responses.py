"""JSON answers."""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import JsonResponse


def json_response(data: dict[str, Any], *, status: int = 200) -> JsonResponse:
    """With the Content-Length, which only Django's middleware for pages adds."""
    response = JsonResponse(data, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def json_bytes(data: dict[str, Any]) -> bytes:
    """The body of `json_response`."""
    return json.dumps(data, cls=DjangoJSONEncoder).encode()
