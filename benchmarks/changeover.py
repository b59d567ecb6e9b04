"""Changeover as it runs in production: `manage.py serve` over PostgreSQL, with everything on."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg

from tests import servers
from tests.processes import ManageProcess, ServerProcess, manage

from .services import Service, log_of, shell_environment

# As PostgreSQL comes: what is committed is on the disk. Only the log is ours, for counting statements.
_POSTGRES = """
max_connections = 200
log_line_prefix = 'SQL '
"""
_ACTIVATE = """
from audit.context import SYSTEM
from llmconfigs import activation
from llmconfigs.models import LLMConfig
activation.activate(
    LLMConfig.objects.create(name="benchmark", {fields}),
    by=SYSTEM.actor, force_reason="what is measured may not run yet")
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A database with the tables, one active configuration and one API key."""

    environment: Mapping[str, str]
    key: str

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def digest(self, secret: str) -> str:
        """Under which this installation stores that key (apikeys/digests.py)."""
        return hmac.digest(self.environment["API_KEY_PEPPER"].encode(), secret.encode(), "sha256").hex()

    @contextlib.contextmanager
    def worker(self, *, concurrency: int) -> Iterator[ManageProcess]:
        arguments = ("worker", "--concurrency", str(concurrency))
        worker = ManageProcess(*arguments, environment=self.environment, log_file=log_of("worker"))
        try:
            yield worker
        finally:
            worker.kill()

    @contextlib.contextmanager
    def running(self) -> Iterator[Service]:
        server = ServerProcess(self.environment, log_of("changeover"))
        try:
            server.wait_until_live()
            port = int(server.base_url.rpartition(":")[2])
            yield Service("changeover", port, server.process.pid, self.key)
        finally:
            server.kill()


@contextlib.contextmanager
def running_database() -> Iterator[str]:
    with servers.running_postgres(_POSTGRES) as url:
        yield url


def install(
    postgres_url: str, upstream: Service | None, *, database: str = "changeover", redis_url: str = ""
) -> Installation:
    """A new database of that server, filled through `manage.py` alone. Without an upstream, a dummy."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    return install_on(postgres_url.rpartition("/")[0] + f"/{database}", upstream, redis_url=redis_url)


def install_on(database_url: str, upstream: Service | None, *, redis_url: str = "") -> Installation:
    """As `install`, on a database that is there and empty, or on a file of SQLite that need not be there."""
    environment = _environment(database_url) | {"REDIS_URL": redis_url}
    manage("migrate", "--verbosity", "0", environment=environment)
    fields = {"provider": "dummy", "model_name": "dummy"}
    if upstream is not None:
        fields = {"provider": "vllm", "model_name": "mock", "endpoint_url": upstream.url}
    activation = _ACTIVATE.format(fields=", ".join(f"{name}={value!r}" for name, value in fields.items()))
    manage("shell", "--verbosity", "0", "-c", activation, environment=environment)
    key = manage("apikey", "create", "benchmark", environment=environment).strip()
    return Installation(environment, key)


def _environment(database_url: str) -> dict[str, str]:
    """Production with its defaults. There is no TLS on the loopback, so nobody is sent to https."""
    variables = servers.isolated_environment(database_url)
    production = {"CHANGEOVER_ENV": "production", "SECURE_SSL_REDIRECT": "false", "LOG_LEVEL": "INFO"}
    return shell_environment() | variables | production
