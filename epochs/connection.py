"""The connection over which a process asks for the epochs, again and again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from .outside_pool import new_connection

_CLOSE_PATIENCE_S = 1.0
_SELECT = "SELECT subject, number FROM epochs_epoch"


class KeptConnection:
    """Outside Django's pool: never given back, and not asked before each use whether it is still alive. A
    broken one is replaced once in a read; then the read fails."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # to close a connection while another thread uses it is a crash
        self._wrapper: BaseDatabaseWrapper | None = None

    def read(self) -> dict[str, int]:
        """The epochs by their subjects; none of a subject that never changed. Raises django.db.Error."""
        with self._lock:
            if self._wrapper is not None:
                try:
                    return self._select(self._wrapper)
                except Error:
                    self._close()
            self._wrapper = _connect()
            return self._select(self._wrapper)

    def close(self) -> None:
        """No-op while a read hangs."""
        if self._lock.acquire(timeout=_CLOSE_PATIENCE_S):
            try:
                self._close()
            finally:
                self._lock.release()

    def _close(self) -> None:
        wrapper, self._wrapper = self._wrapper, None
        if wrapper is not None:
            wrapper.close()

    def _select(self, wrapper: BaseDatabaseWrapper) -> dict[str, int]:
        with wrapper.wrap_database_errors:
            # The driver's own connection: Django's cursor would cost more than the query.
            rows: Sequence[Any] = wrapper.connection.execute(_SELECT).fetchall()
        return dict(rows)


def _connect() -> BaseDatabaseWrapper:
    wrapper = new_connection()
    wrapper.inc_thread_sharing()
    wrapper.ensure_connection()
    return wrapper
