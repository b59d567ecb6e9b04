"""Keeps the usage writer of the tests' process still while a test's tables are emptied.

Its thread may store a record at any moment, such as that of a client who hung up at the end of a test.
Emptying all tables at that moment ends in a deadlock.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from usage import records, writer
from usage.entries import UsageEntry

_is_open = threading.Event()


def _store_while_open(entries: Sequence[UsageEntry]) -> None:
    _is_open.wait()
    records.store(entries)


def install() -> None:
    writer.store = _store_while_open


def open_() -> None:
    _is_open.set()


def close() -> None:
    """What was recorded so far is stored; what comes later waits for the next test."""
    writer.flush(timeout_s=5)
    _is_open.clear()
