"""For load balancers and orchestrators; no key needed, and nothing said that a stranger may not know."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from background.threads import in_thread
from generation.readiness import check_readiness

from .responses import json_response


async def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return json_response({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Jobs can be accepted, and a configuration exists that could answer them. No model is called."""
    readiness = await in_thread(check_readiness)
    parts = {"database": readiness.database, "configuration": readiness.configuration}
    is_ready = all(parts.values())
    return json_response(
        {"status": _word(is_ready), "parts": {name: _word(is_ok) for name, is_ok in parts.items()}},
        status=200 if is_ready else 503,
    )


def _word(is_ok: bool) -> str:
    return "ok" if is_ok else "not ok"
