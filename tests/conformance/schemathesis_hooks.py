"""What no schema can say of our API, for schemathesis; runs in .venv-conformance."""

from __future__ import annotations

import uuid
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A fresh Idempotency-Key where a valid one is meant: used again with another body it is refused."""
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    if is_positive and "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
