"""What no schema can say of our API, for schemathesis; runs in .venv-conformance."""

from __future__ import annotations

import uuid
from typing import Any

import schemathesis

_FITTING = {"generator": "text-v1", "input": {"prompt": "Hello"}}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Where a valid one is meant: a fresh Idempotency-Key, since one that is used again with another body is
    refused; a URL that this installation may call, one that no other webhook has; and a generator that there
    is, with an input that it takes."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if "/webhooks" in case.path and isinstance(case.body, dict) and case.body.get("url"):
        case.body["url"] = f"http://127.0.0.1:9/{uuid.uuid4()}"
    if case.path == "/api/v1/generations" and isinstance(case.body, dict):
        given = {name for name in _FITTING if case.body.get(name) is not None}
        case.body = case.body | {name: _FITTING[name] for name in given}
