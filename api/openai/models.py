"""GET /v1/models: the one public alias."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings

from ..errors import ApiError

_CREATED = 1_767_225_600  # 2026-01-01: an alias has no date that would mean anything
_OWNER = "changeover"


def listed() -> bytes:
    return msgspec.json.encode({"object": "list", "data": [_model()]})


def one(name: str) -> bytes:
    """Raises ApiError("model_not_found")."""
    require_alias(name)
    return msgspec.json.encode(_model())


def require_alias(name: str) -> None:
    """Raises ApiError("model_not_found")."""
    if name != settings.API_MODEL_ALIAS:
        raise ApiError(
            "model_not_found",
            f'There is no model of this name. The model is called "{settings.API_MODEL_ALIAS}".',
            param="model",
        )


def _model() -> dict[str, Any]:
    return {"id": settings.API_MODEL_ALIAS, "object": "model", "created": _CREATED, "owned_by": _OWNER}
