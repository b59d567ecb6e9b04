"""A database that is really out of reach: connections to it fail, as after a crash of the server."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator

from django.db import connection

from epochs import current as epochs
from generation.accepting import intake


@contextlib.contextmanager
def database_out_of_reach() -> Iterator[None]:
    """Every new connection goes to where no server listens and no file can be; the open ones are closed."""
    settings = connection.settings_dict
    kept = {name: settings[name] for name in ("NAME", "HOST", "OPTIONS")}
    with tempfile.TemporaryDirectory() as empty:
        _reconnect_to(NAME=f"{empty}/missing/database", HOST=empty, OPTIONS=_impatient(kept["OPTIONS"]))
        try:
            yield
        finally:
            _reconnect_to(**kept)


@contextlib.contextmanager
def database_that_hangs() -> Iterator[None]:
    """PostgreSQL's new connections are accepted and never answered, until their time-out of two seconds."""
    settings = connection.settings_dict
    kept = {name: settings[name] for name in ("HOST", "OPTIONS")}
    impatient = {name: value for name, value in kept["OPTIONS"].items() if name != "pool"}
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{directory}/.s.PGSQL.{settings['PORT']}")
        listener.listen()
        _reconnect_to(HOST=directory, OPTIONS=impatient | {"connect_timeout": 2})
        try:
            yield
        finally:
            _reconnect_to(**kept)


def end_other_connections() -> int:
    """As a restart of PostgreSQL does; returns how many. What lies idle in the pool is made anew at once: the
    pool itself would look for one that lives after 1 s, 2 s and 4 s, and give up in between."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        ended = cursor.rowcount
    if pool := getattr(connection, "pool", None):
        pool.check()
    return ended


def _reconnect_to(**settings: object) -> None:
    epochs.close()
    intake.stop()  # also one that a test before has left
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()
    connection.settings_dict.update(settings)


def _impatient(options: dict[str, object]) -> dict[str, object]:
    pool = {"pool": {"min_size": 1, "max_size": 2, "timeout": 0.2}} if "pool" in options else {}
    return options | pool
