"""Connections that take no place in Django's pool, for the threads that all requests depend on.

Were they to wait for a free place behind requests, a full pool would look like a database that is down.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_CLOSE_PATIENCE_S = 1.0
SILENCE_MS = 5_000
"""How long a host may be silent: every request waits for these connections, so they are given up early."""


def new_connection() -> BaseDatabaseWrapper:
    """To the default database; not open yet. It is kept until it breaks."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    settings = copy.deepcopy(connection.settings_dict)  # which all threads share
    settings["CONN_MAX_AGE"] = None
    settings["OPTIONS"].pop("pool", None)
    if "tcp_user_timeout" in settings["OPTIONS"]:
        settings["OPTIONS"]["tcp_user_timeout"] = min(settings["OPTIONS"]["tcp_user_timeout"], SILENCE_MS)
    connection.settings_dict = settings
    return connection


def use_own_connection() -> None:
    """From here on, what this thread does with the database goes over a new connection of its own."""
    connections[DEFAULT_DB_ALIAS].close()
    connections[DEFAULT_DB_ALIAS] = new_connection()


class OwnConnection:
    """A connection for a thread that reads seldom: kept, and asked whether it is alive before it is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # to close a connection while another thread uses it is a crash
        self._wrapper: BaseDatabaseWrapper | None = None
        _own_connections.add(self)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """In the block, what this thread does with the database goes over this connection."""
        with self._lock:
            former = connections[DEFAULT_DB_ALIAS]
            if self._wrapper is None:
                self._wrapper = new_connection()
                self._wrapper.inc_thread_sharing()
            connections[DEFAULT_DB_ALIAS] = self._wrapper
            try:
                self._wrapper.close_if_unusable_or_obsolete()
                yield
            finally:
                connections[DEFAULT_DB_ALIAS] = former

    def close(self) -> None:
        """No-op while a read hangs."""
        if self._lock.acquire(timeout=_CLOSE_PATIENCE_S):
            try:
                wrapper, self._wrapper = self._wrapper, None
                if wrapper is not None:
                    wrapper.close()
            finally:
                self._lock.release()


_own_connections: WeakSet[OwnConnection] = WeakSet()


def close_all() -> None:
    """Closes the OwnConnections of this process; their next use opens them again."""
    for connection in tuple(_own_connections):
        connection.close()
