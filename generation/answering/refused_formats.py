"""Which services refused to be held to which form of answer, in this process and for a while.

Asking to be refused costs each job one more request. A service may be mended without a word to us, so it is
asked again after a while; who changes its configuration need not wait.
"""

from __future__ import annotations

import hashlib
import json
import time

from llmbackends.types import ResponseFormat
from llmconfigs.selection import ActiveSpec

from ..queue import breakers

KEPT_S = 600.0
_MOST = 1_000

_Key = tuple[str, str]
_until: dict[_Key, float] = {}
"""By the clock of time.monotonic(). Of all threads: each step is a single one of the dict's."""


def note(active: ActiveSpec, refused: ResponseFormat) -> None:
    if len(_until) >= _MOST:
        _until.clear()
    _until[_key(active, refused)] = time.monotonic() + KEPT_S


def is_refused(active: ActiveSpec, wanted: ResponseFormat | None) -> bool:
    if wanted is None or not _until:
        return False
    return _until.get(_key(active, wanted), 0.0) > time.monotonic()


def forget() -> None:
    """For tests."""
    _until.clear()


def _key(active: ActiveSpec, wanted: ResponseFormat) -> _Key:
    told = json.dumps([wanted.kind, wanted.schema]).encode()
    return breakers.backend_of(active), hashlib.sha256(told).hexdigest()
