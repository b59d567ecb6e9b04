"""How one event is tied to the one before it. Without Django, for who checks an export elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

CHAINED = (
    "number", "at", "action", "actor_id", "actor_name", "address", "request_id",
    "subject_kind", "subject_id", "subject_name", "details_json", "previous_digest",
)  # fmt: skip
"""The fields under the digest, by their names in exports too."""


def canonical_json(value: Any) -> str:
    """One text for one value: names sorted, no spaces, UTF-8 as it is. Raises ValueError on NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_time(at: datetime) -> str:
    """In UTC to the microsecond, such as 2026-11-26T07:00:00.000000Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def digest_of(event: Mapping[str, Any]) -> str:
    """SHA-256 in hexadecimal over the canonical JSON of CHAINED; `at` is a canonical time already."""
    return hashlib.sha256(canonical_json({name: event[name] for name in CHAINED}).encode()).hexdigest()


def chained_values(event: Any) -> dict[str, Any]:
    """The fields of an AuditEvent as they are hashed and exported."""
    return values_of(event, CHAINED)


def values_of(row: Any, names: Iterable[str]) -> dict[str, Any]:
    """The fields of a row as they are hashed, signed and exported."""
    values = {name: getattr(row, name) for name in names}
    return values | {"at": canonical_time(row.at)}
