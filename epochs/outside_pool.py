"""Connections that take no place in Django's pool, for the threads that all requests depend on.

Were they to wait for a free place behind requests, a full pool would look like a database that is down.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

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


@contextmanager
def own_connection() -> Iterator[None]:
    """For the time of the block, and closed at its end: for what is seldom read."""
    former = connections[DEFAULT_DB_ALIAS]
    own = connections[DEFAULT_DB_ALIAS] = new_connection()
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = former
        own.close()
