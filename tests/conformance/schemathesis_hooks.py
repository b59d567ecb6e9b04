"""What no schema can say of our API, for schemathesis; runs in .venv-conformance."""

from __future__ import annotations

import uuid
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Where a valid one is meant: a fresh Idempotency-Key, since one that is used again with another body is
    refused, and a URL that this installation may call, one that no other webhook has."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if "/webhooks" in case.path and isinstance(case.body, dict) and case.body.get("url"):
        case.body["url"] = f"http://127.0.0.1:9/{uuid.uuid4()}"
