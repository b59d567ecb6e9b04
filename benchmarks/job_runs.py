"""The measurements of the job engine, each on an installation that is there already."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from .changeover import Installation
from .load import Findings, Load, run_load
from .paths import ROOT
from .samples import Spread, spread
from .services import Service, log_of

CONNECTIONS = 64
CONCURRENCY = 8
"""GENERATION_CONCURRENCY's default, for our worker and for Celery's."""

_FILL = """
INSERT INTO generation_generationjob (id, key_id, status, generator, priority, request, metadata,
    request_digest, text, tool_calls, finish_reason, prompt_tokens, completion_tokens, warnings, error_code,
    error_message, created_at, started_at, finished_at, claimed_at, deadline_at, attempt, lost_leases,
    postponements, tokens_so_far, lease_owner, config_name, provider, model_name, failure_detail)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, (SELECT min(id) FROM apikeys_apikey),
    'completed', 'text-v1', 3, '{"prompt": "Tell me of the tide."}', '{}', md5(n::text), 'The tide comes in.',
    '[]', 'stop', 5, 5, '[]', '', '', moment, moment, moment, moment, moment, 1, 0, 0,
    5, 'worker', 'benchmark',
    'dummy', 'dummy', ''
FROM (SELECT n, now() - n * interval '1 second' AS moment FROM generate_series(1, %(rows)s) AS n) AS numbered
"""
_FILL_ATTEMPTS = """
INSERT INTO generation_jobattempt (job_id, number, owner, started_at, ended_at, outcome, reason, config_name,
    provider, model_name, prompt_tokens, completion_tokens)
SELECT id, 1, 'worker', started_at, finished_at, 'completed', '', 'benchmark', 'dummy', 'dummy', 5, 5
FROM generation_generationjob
"""
_QUEUE = """
INSERT INTO generation_generationjob (id, key_id, status, generator, priority, request, metadata,
    request_digest, text, tool_calls, finish_reason, warnings, error_code, error_message, created_at,
    deadline_at, attempt, lost_leases, postponements, tokens_so_far, lease_owner,
    config_name, provider, model_name, failure_detail)
SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '70008000'
        || lpad(to_hex(n), 12, '0'))::uuid, (SELECT min(id) FROM apikeys_apikey), 'queued', 'text-v1', 3,
    '{"prompt": "Tell me of the tide."}', '{}', '', '', '[]', '', '[]', '', '', now(),
    now() + interval '1 hour', 0, 0, 0, 0, '', '', '', '', ''
FROM generate_series(1, %(rows)s) AS n
"""
_RATE = """
SELECT (count(*) - 1) / extract(epoch FROM max(finished_at) - min(started_at))
FROM generation_generationjob WHERE created_at >= %(since)s AND status = 'completed'
"""
_WAITS = """
SELECT extract(epoch FROM started_at - created_at) FROM generation_generationjob
WHERE created_at >= %(since)s AND status = 'completed'
"""


def fill(installation: Installation, *, rows: int) -> None:
    """Jobs that have ended, each with its attempt."""
    with _connection(installation) as connection:
        connection.execute(_FILL, {"rows": rows})
        connection.execute(_FILL_ATTEMPTS)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def submissions(server: Service, *, seconds: float) -> Findings:
    """No worker runs: the jobs stay in the queue."""
    return run_load(
        Load(
            server.port,
            server.key,
            CONNECTIONS,
            warmup_s=0.5,
            duration_s=seconds,
            watched=(server.pid,),
            submits=True,
        )
    )


def empty_queue(installation: Installation) -> None:
    with _connection(installation) as connection:
        connection.execute("DELETE FROM generation_generationjob WHERE status = 'queued'")
        connection.execute("VACUUM ANALYZE generation_generationjob")


def completed_per_s(installation: Installation, *, jobs: int) -> float:
    """From the first job's beginning to the last one's end, in a worker that has just started."""
    with _connection(installation) as connection:
        since = connection.execute("SELECT now()").fetchone()
        connection.execute(_QUEUE, {"rows": jobs})
        with installation.worker(concurrency=CONCURRENCY):
            _wait_until_empty(connection)
        assert since is not None
        rate = connection.execute(_RATE, {"since": since[0]}).fetchone()
    assert rate is not None
    return float(rate[0])


def empty_tasks_per_s(installation: Installation, *, tasks: int) -> float:
    environment = dict(installation.environment) | {"CONCURRENCY": str(CONCURRENCY)}
    _run_tasks("publish", tasks, environment)
    return float(_run_tasks("work", tasks, environment))


def _run_tasks(what: str, count: int, environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", "benchmarks.empty_tasks", what, str(count)]
    with log_of("celery").open("w") as log:
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, check=True
        )
    return done.stdout.strip()


def idle_waits(installation: Installation, server: Service, *, jobs: int) -> Spread:
    """One job at a time, now and then, to a server and whatever works for it."""
    with _connection(installation) as connection:
        since = connection.execute("SELECT now()").fetchone()
        assert since is not None
        for _ in range(jobs):
            _submit(server)
            time.sleep(random.uniform(0.05, 0.15))
        _wait_until_empty(connection)
        found = connection.execute(_WAITS, {"since": since[0]}).fetchall()
    assert len(found) == jobs
    return spread([float(wait[0]) for wait in found])


def embedded_waits(server: Service, *, jobs: int) -> Spread:
    """As idle_waits, in a server that runs its jobs itself, as the finished jobs tell it."""
    waits = []
    for _ in range(jobs):
        job = _submit(server, Prefer="wait=10")
        accepted, started = (datetime.fromisoformat(job[name]) for name in ("created_at", "started_at"))
        waits.append((started - accepted).total_seconds())
        time.sleep(random.uniform(0.05, 0.15))
    return spread(waits)


def _submit(server: Service, **headers: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server.url}/api/v1/generations",
        data=json.dumps({"prompt": "Tell me of the tide."}).encode(),
        headers={"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"} | headers,
    )
    with urllib.request.urlopen(request, timeout=15) as answer:
        return dict(json.load(answer))


def _wait_until_empty(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        left = connection.execute(
            "SELECT 1 FROM generation_generationjob WHERE status IN ('queued', 'in_progress') LIMIT 1"
        ).fetchone()
        if left is None:
            return
        time.sleep(0.2)
    raise RuntimeError("The worker has not done all jobs in ten minutes.")


def _connection(installation: Installation) -> psycopg.Connection:
    return psycopg.connect(installation.database_url, autocommit=True)
