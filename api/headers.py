"""The request headers that steer a submission, by their names in lower case."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import ApiError

MAX_WAIT_S = 60
_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_WAIT = re.compile(r"wait\s*=\s*(\"?)(.*?)\1\s*(?:;.*)?", re.IGNORECASE)


def wait_s(preferences: str) -> int | None:
    """The seconds in `Prefer: wait=N`, 60 at most; None without it. Other preferences are left alone.

    Raises ApiError if N is not a number of seconds. RFC 7240: https://www.rfc-editor.org/rfc/rfc7240
    """
    for preference in preferences.split(","):
        if found := _WAIT.fullmatch(preference.strip()):
            return _seconds(found[2])
    return None


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Raises ApiError unless it is 1 to 255 printable ASCII characters."""
    key = headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key.strip()):
        raise ApiError(
            "invalid_request",
            "An Idempotency-Key has 1 to 255 printable ASCII characters.",
            param="Idempotency-Key",
        )
    return key and key.strip()


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ApiError(
            "invalid_request",
            f"Prefer: wait=N takes a whole number of seconds, {MAX_WAIT_S} at most.",
            param="Prefer",
        )
    return min(int(text), MAX_WAIT_S)
