"""What must not grow: a request's cost with the database, the memory with the requests, the statements."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from .load import Findings, Load, run_load
from .procfs import resident_kb
from .samples import median
from .services import Service

CONNECTIONS = 64

_FILL_KEYS = """
INSERT INTO apikeys_apikey (name, prefix, digest, scopes, created_at)
SELECT 'filled ' || n, 'fill_' || n,
    coalesce((%(digests)s::text[])[n], encode(sha256(n::text::bytea), 'hex')), '["generate", "read"]', now()
FROM generate_series(1, %(keys)s) AS n
"""
_FILL_USAGE = """
INSERT INTO usage_usagerecord (at, request_id, api_key_id, route, is_streamed, outcome, error_code,
    config_id, config_name, provider, model_name, prompt_tokens, completion_tokens, is_estimated, duration_s,
    first_token_s, user_name)
SELECT now() - n * interval '2 seconds', md5(n::text), keys.ids[1 + n %% array_length(keys.ids, 1)],
    'chat', n %% 2 = 0, 'completed', '', 1, 'benchmark', 'vllm', 'mock', 20, 20, false, 0.5, 0.1, ''
FROM generate_series(1, %(rows)s) AS n, (SELECT array_agg(id) AS ids FROM apikeys_apikey) AS keys
"""


def fill(database_url: str, *, usage_rows: int, keys: int, digests: Sequence[str]) -> None:
    """digests: of the first of the keys, with which somebody asks."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_FILL_KEYS, {"keys": keys, "digests": list(digests)})
        connection.execute(_FILL_USAGE, {"rows": usage_rows})
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


@dataclass(frozen=True, slots=True)
class Flatness:
    """The same load on an empty and on a full database; medians of interleaved rounds."""

    usage_rows: int
    keys: int
    empty_cpu_us: float
    full_cpu_us: float
    empty_per_second: float
    full_per_second: float
    failures: int

    @property
    def more_cpu(self) -> float:
        """0.1: a request on the full one costs a tenth more."""
        return self.full_cpu_us / self.empty_cpu_us - 1

    @property
    def fewer_requests(self) -> float:
        return 1 - self.full_per_second / self.empty_per_second


def compare(
    empty: Service,
    full: Service,
    *,
    secrets: Sequence[str],
    usage_rows: int,
    keys: int,
    rounds: int,
    seconds: float,
) -> Flatness:
    """secrets: of some keys of the full one, which is asked with all of them in turn; the empty one has but
    one key."""
    loads = {
        "empty": _steady(empty, seconds),
        "full": replace(_steady(full, seconds), more_keys=tuple(secrets)),
    }
    found: dict[str, list[Findings]] = {"empty": [], "full": []}
    for number in range(rounds):
        for name in ("empty", "full") if number % 2 == 0 else ("full", "empty"):
            found[name].append(run_load(loads[name]))
    return Flatness(
        usage_rows=usage_rows,
        keys=keys,
        empty_cpu_us=_cpu(found["empty"]),
        full_cpu_us=_cpu(found["full"]),
        empty_per_second=_speed(found["empty"]),
        full_per_second=_speed(found["full"]),
        failures=sum(findings.failures for rounds_ in found.values() for findings in rounds_),
    )


def _steady(server: Service, seconds: float) -> Load:
    return Load(server.port, server.key, CONNECTIONS, warmup_s=0.5, duration_s=seconds, watched=(server.pid,))


def _cpu(found: Sequence[Findings]) -> float:
    return median([findings.cpu_us() for findings in found])


def _speed(found: Sequence[Findings]) -> float:
    return median([findings.per_second for findings in found])


@dataclass(frozen=True, slots=True)
class Memory:
    """The server's resident memory after the first and after the last of many requests."""

    first_requests: int
    last_requests: int
    first_kb: int
    last_kb: int
    failures: int

    @property
    def growth_kb(self) -> int:
        return self.last_kb - self.first_kb


def memory_over(server: Service, *, first: int, last: int) -> Memory:
    """Of a server that is new."""
    begun = run_load(_counted(server, first))
    time.sleep(1)
    first_kb = resident_kb(server.pid)
    ended = run_load(_counted(server, last - first))
    time.sleep(1)
    failures = begun.failures + ended.failures
    return Memory(first, last, first_kb, resident_kb(server.pid), failures)


def _counted(server: Service, requests: int) -> Load:
    return Load(
        server.port,
        server.key,
        CONNECTIONS,
        warmup_s=0,
        duration_s=300,
        most_requests=requests,
        finish=True,
        watched=(server.pid,),
    )


@dataclass(frozen=True, slots=True)
class Statements:
    """Every statement that PostgreSQL executed meanwhile, BEGIN and COMMIT and the server's own too."""

    requests: int
    statements: int
    failures: int

    @property
    def per_request(self) -> float:
        return self.statements / self.requests


def count_statements(database_url: str, server: Service, *, requests: int) -> Statements:
    with psycopg.connect(database_url, autocommit=True) as connection:
        log = _log_of(connection)
        _log_statements(connection, "all")
        run_load(_counted(server, 200))  # until every session has heard of it
        start = log.stat().st_size
        found = run_load(_counted(server, requests))
        time.sleep(0.5)  # the last usage records
        end = log.stat().st_size
        _log_statements(connection, "none")
    return Statements(found.requests, statements_in(log.read_bytes()[start:end]), found.failures)


def _log_of(connection: psycopg.Connection) -> Path:
    """Where the tests' PostgreSQL writes it."""
    row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return Path(row[0]) / "log"


def _log_statements(connection: psycopg.Connection, which: str) -> None:
    connection.execute(f"ALTER SYSTEM SET log_statement = '{which}'".encode())
    connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)


def statements_in(log: bytes) -> int:
    """Of a log with `log_line_prefix = 'SQL '`; a statement of several lines counts once."""
    return len(re.findall(rb"^SQL LOG:  (?:statement|execute [^:]+): ", log, re.MULTILINE))
