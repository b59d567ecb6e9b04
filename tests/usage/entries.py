"""Entries for the tests of this package."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apikeys.models import ApiKey
from usage.entries import Outcome, UsageEntry

AT = datetime(2026, 3, 4, 12, 30, 15, 250_000, tzinfo=UTC)


def entry(key: ApiKey | int, **fields: Any) -> UsageEntry:
    """A completed request of 3 and 2 tokens."""
    usual = {
        "at": AT,
        "request_id": "r-1",
        "api_key_id": key if isinstance(key, int) else key.pk,
        "route": "chat.completions",
        "is_streamed": False,
        "outcome": Outcome.COMPLETED,
        "config_id": 7,
        "config_name": "Main",
        "provider": "ollama",
        "model_name": "codellama:13b",
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "duration_s": 0.5,
    }
    return UsageEntry(**(usual | fields))
