"""Jobs are submitted and worked on while everything around them fails; at the end the books must balance."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.procfs import resident_kb
from tests import servers
from tests.processes import ROOT, ManageProcess, ServerProcess, manage

from .proxy import Proxy
from .receiver import SECRET, Receiver
from .upstream import Upstream, prompt_of, text_of

# Each move of a job into a state that ends it, and each out of one, which must not be.
_WATCH = """
CREATE TABLE torture_ending (job_id uuid, status text, was text);
CREATE FUNCTION torture_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('completed', 'failed', 'cancelled') AND NEW.status IS DISTINCT FROM OLD.status
        OR OLD.status IN ('completed', 'failed', 'cancelled') THEN
        INSERT INTO torture_ending VALUES (NEW.id, NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER torture_note AFTER UPDATE ON generation_generationjob
    FOR EACH ROW EXECUTE FUNCTION torture_note();
"""
_PATIENCE_S = 240
_ENDPOINTS = """
from apikeys.models import ApiKey
from llmbackends.secret import Secret
from webhooks.models import WebhookEndpoint
key = ApiKey.objects.get(name="told")
for path in ("first", "second"):
    WebhookEndpoint.objects.create(key=key, url="{url}/" + path, secret=Secret("{secret}"))
"""
_LEAVING = 0.1
"""The share of clients who are gone before the first answer."""


@dataclass(frozen=True)
class Plan:
    jobs: int
    workers: int
    concurrency: int
    pause_s: float
    """Between two faults."""


@dataclass
class Books:
    """What was counted, and what does not add up."""

    counts: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def check(self, what: str, is_right: bool, told: object = "") -> None:
        if not is_right:
            self.wrong.append(f"{what}: {told}")


class Chamber:
    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.folder = folder
        self.say = say
        self.faults: Counter[str] = Counter()
        self.refused = self.left = 0
        self.workers: list[ManageProcess] = []
        self.started = 0

    def run(self) -> Books:
        with contextlib.ExitStack() as stack:
            self._build(stack)
            began_at = time.monotonic()
            with ThreadPoolExecutor(8, thread_name_prefix="client") as clients:
                submitting = [clients.submit(self._submit, number) for number in range(self.plan.jobs)]
                self._torture_until(lambda: all(each.done() for each in submitting) and self._are_done())
            ids = [each.result() for each in submitting]
            seconds = time.monotonic() - began_at
            self._rest()
            books = self._balance(ids)
            books.counts = {"seconds": round(seconds, 1), **books.counts}
            return books

    # --- what there is

    def _build(self, stack: contextlib.ExitStack) -> None:
        self.postgres_url = stack.enter_context(servers.running_postgres("\nmax_connections = 200\n"))
        self.broker = stack.enter_context(servers.running_valkey())
        self.proxy = Proxy(self.broker.port)
        stack.callback(self.proxy.stop)
        self.upstream = Upstream()
        stack.callback(self.upstream.stop)
        self.receiver = Receiver()
        stack.callback(self.receiver.stop)
        self.environment = os.environ | servers.isolated_environment(self.postgres_url) | {
            "REDIS_URL": f"redis://127.0.0.1:{self.proxy.port}/0",
            "LLM_PROVIDER": "vllm",
            "LLM_ENDPOINT": self.upstream.url,
            "LLM_MODEL": "mock",
            "LLM_MAX_RETRIES": "0",
            "GENERATION_LEASE_S": "3",
            "GENERATION_POLL_INTERVAL_S": "0.5",
            "GENERATION_MAX_ATTEMPTS": "100",
            "GENERATION_DEADLINE_S": "3600",
            "WEBHOOK_TIMEOUT_S": "1",
            "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        manage("migrate", "--verbosity", "0", environment=self.environment)
        self.keys = [
            manage("apikey", "create", name, environment=self.environment).strip()
            for name in ("told", "torture")
        ]
        script = _ENDPOINTS.format(url=self.receiver.url, secret=SECRET)
        manage("shell", "-v0", "-c", script, environment=self.environment)
        with self._connection() as connection:
            connection.execute(_WATCH)
        self.web = ServerProcess(
            self.environment, self.folder / "web.log", program=("-m", "tests.torture.faulty_web")
        )
        stack.callback(lambda: self.web.kill())
        self.web.wait_until_live()
        stack.callback(lambda: [worker.kill() for worker in self.workers])
        for _ in range(self.plan.workers):
            self._start_worker()
        time.sleep(1)
        self.web_before = _size(self.web.process.pid)

    def _start_worker(self) -> None:
        self.started += 1
        worker = ManageProcess(
            *("--concurrency", str(self.plan.concurrency)),
            environment=self.environment,
            log_file=self.folder / f"worker-{self.started}.log",
            program=("-m", "tests.torture.faulty_worker"),
        )
        self.workers.append(worker)

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(self.postgres_url, autocommit=True)

    # --- the clients

    def _submit(self, number: int) -> str:
        """Until it is accepted, under one idempotency key; as a good client does."""
        request = urllib.request.Request(
            f"{self.web.base_url}/api/v1/generations",
            data=json.dumps({"prompt": prompt_of(number), "priority": 1 + number % 5}).encode(),
            headers={
                "Authorization": f"Bearer {self.keys[not _is_told(number)]}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"job-{number}",
            },
        )
        deadline = time.monotonic() + _PATIENCE_S
        if random.random() < _LEAVING:
            self._send_and_leave(request)
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(request, timeout=15) as answer:
                    return str(json.load(answer)["id"])
            except (urllib.error.URLError, OSError):
                self.refused += 1
                time.sleep(random.uniform(0.05, 0.3))
        raise AssertionError(f"Job {number} was never accepted: {self.web.log[-2000:]}")

    def _send_and_leave(self, request: urllib.request.Request) -> None:
        """Whether the job was accepted, this client never hears."""
        connection = http.client.HTTPConnection(request.host, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("POST", request.selector, request.data, dict(request.header_items()))
            self.left += 1
            time.sleep(random.uniform(0, 0.01))

    # --- the faults

    def _torture_until(self, is_over: Callable[[], bool]) -> None:
        """Each kind once, then at random until all is done. The last stretch is quiet, so that it ends."""
        faults = [
            self._kill_worker, self._kill_broker, self._freeze_broker, self._reset_broker,
            self._half_open_broker, self._restart_postgres, self._double_deliveries,
        ]  # fmt: skip
        pending = random.sample(faults, len(faults))
        deadline = time.monotonic() + _PATIENCE_S + self.plan.jobs / 20
        while pending or not is_over():
            assert time.monotonic() < deadline, f"Not done in time: {self._by_status()}"
            if not pending and self._left() < self.plan.jobs / 20:
                time.sleep(0.5)
                continue
            fault = pending.pop() if pending else random.choice(faults)
            name = fault.__name__.strip("_").replace("_", " ")
            self.faults[name] += 1
            self.say(f"{self._left():6} jobs left: {name}")
            fault()
            time.sleep(random.uniform(0.5, 1.5) * self.plan.pause_s)

    def _kill_worker(self) -> None:
        victim = self.workers.pop(random.randrange(len(self.workers)))
        victim.process.kill()
        victim.process.wait()
        self._start_worker()

    def _kill_broker(self) -> None:
        self.broker.stop()
        time.sleep(self.plan.pause_s)
        self.broker.start()

    def _freeze_broker(self) -> None:
        assert self.broker.process is not None
        self.broker.process.send_signal(signal.SIGSTOP)
        time.sleep(self.plan.pause_s)
        self.broker.process.send_signal(signal.SIGCONT)

    def _reset_broker(self) -> None:
        self.proxy.reset_all()

    def _half_open_broker(self) -> None:
        self.proxy.hold()
        time.sleep(self.plan.pause_s)
        self.proxy.release()

    def _restart_postgres(self) -> None:
        servers.restart_postgres(self.postgres_url)

    def _double_deliveries(self) -> None:
        """Wake-ups that nobody sent: the same message again and again."""
        script = "from generation.tasks import publish_wake_up\nfor _ in range(50): publish_wake_up()"
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "manage.py", "shell", "-v0", "-c", "import config.celery\n" + script],
                env=self.environment, cwd=ROOT, capture_output=True, timeout=20,
            )  # fmt: skip

    # --- the end

    def _by_status(self) -> dict[str, int]:
        for _ in range(50):
            with contextlib.suppress(psycopg.Error), self._connection() as connection:
                return dict(
                    connection.execute(
                        "SELECT status, count(*) FROM generation_generationjob GROUP BY 1"
                    ).fetchall()
                )
            time.sleep(0.2)
        return {}

    def _left(self) -> int:
        counts = self._by_status()
        return self.plan.jobs - sum(counts.get(status, 0) for status in ("completed", "failed", "cancelled"))

    def _are_done(self) -> bool:
        return self._left() == 0 and self._untold() == 0

    def _untold(self) -> int:
        with contextlib.suppress(psycopg.Error), self._connection() as connection:
            return _one(connection, "SELECT count(*) FROM webhooks_webhookdelivery WHERE status = 'pending'")
        return 1

    def _rest(self) -> None:
        """Every process ends by itself: what it still holds would be a leak."""
        time.sleep(4)  # past the leases, so that a late attempt has been heard
        self.web_after = _size(self.web.process.pid)
        self.worker_sizes = [_size(worker.process.pid) for worker in self.workers]
        self.exits = [worker.end(signal.SIGTERM, timeout_s=40) for worker in self.workers]
        self.exits.append(self.web.end(signal.SIGTERM, timeout_s=40))
        time.sleep(1)

    def _balance(self, ids: list[str]) -> Books:
        books = Books()
        with self._connection() as connection:
            self._balance_jobs(books, ids, connection)
            self._balance_attempts(books, connection)
            self._balance_calls(books, connection)
            self._balance_webhooks(books, connection)
            open_connections = _one(
                connection,
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            )
        books.check("connections left open", open_connections == 0, open_connections)
        # uvicorn ends in good order and then by the signal that it got.
        books.check("processes that did not end well", set(self.exits) <= {0, -signal.SIGTERM}, self.exits)
        self._balance_sizes(books)
        books.counts |= {
            "faults": dict(self.faults),
            "connections reset": self.proxy.resets,
            "workers started": self.started,
            "submissions tried again": self.refused,
            "clients that left before the answer": self.left,
            "confirmations lost (web, workers)": (
                self._lost_confirmations("web.log"),
                self._lost_confirmations("worker-*.log"),
            ),
        }
        return books

    def _lost_confirmations(self, logs: str) -> int:
        return sum(path.read_text().count("torture: confirmation lost\n") for path in self.folder.glob(logs))

    def _balance_jobs(self, books: Books, ids: list[str], connection: psycopg.Connection) -> None:
        rows = connection.execute(
            "SELECT id::text, status, text, attempt, lost_leases, lease_expires_at, idempotency_key"
            " FROM generation_generationjob"
        ).fetchall()
        self.jobs = {row[0]: row for row in rows}
        self.numbers = {row[0]: int(row[6].removeprefix("job-")) for row in rows}
        statuses = Counter(row[1] for row in rows)
        books.check("jobs, once each", sorted(self.numbers.values()) == [*range(self.plan.jobs)], len(rows))
        books.check("answers to submissions", set(ids) == set(self.jobs) and len(set(ids)) == len(ids))
        books.check("statuses", set(statuses) == {"completed"}, statuses)
        wrong = [row[0] for row in rows if row[1] == "completed" and row[2] != text_of(self.numbers[row[0]])]
        books.check("answers of other jobs", not wrong, wrong[:5])
        books.check("leases held", all(row[5] is None for row in rows))
        endings = Counter(
            job for (job,) in connection.execute("SELECT job_id::text FROM torture_ending").fetchall()
        )
        books.check("jobs that ended once", set(endings) == set(self.jobs) and set(endings.values()) <= {1},
                    [(job, count) for job, count in endings.items() if count != 1][:5])  # fmt: skip
        books.counts |= {"jobs": len(rows), "statuses": dict(statuses), "endings": endings.total()}

    def _balance_attempts(self, books: Books, connection: psycopg.Connection) -> None:
        rows = connection.execute(
            "SELECT job_id::text, number, outcome FROM generation_jobattempt"
        ).fetchall()
        of_jobs: dict[str, list[tuple[int, str]]] = {}
        for job, number, outcome in rows:
            of_jobs.setdefault(job, []).append((number, outcome))
        outcomes = Counter(outcome for _, _, outcome in rows)
        for job, row in self.jobs.items():
            attempts = sorted(of_jobs.get(job, []))
            numbers, ended = [number for number, _ in attempts], [outcome for _, outcome in attempts]
            books.check("attempts", numbers == list(range(1, row[3] + 1)), (job, attempts, row[3]))
            books.check(
                "last attempt", ended.count("completed") == 1 and ended[-1] == "completed", (job, ended)
            )
            books.check("lost leases", ended.count("lease_lost") == row[4], (job, ended, row[4]))
        books.counts |= {"attempts": len(rows), "attempts by outcome": dict(outcomes)}

    def _balance_calls(self, books: Books, connection: psycopg.Connection) -> None:
        asked = self.upstream.asked
        for job, row in self.jobs.items():
            calls = asked[self.numbers[job]]
            books.check("calls of a job", 1 <= calls <= row[3], (job, calls, row[3]))
        usage = connection.execute(
            "SELECT request_id, count(*) FILTER (WHERE outcome = 'completed') FROM usage_usagerecord"
            " GROUP BY 1"
        ).fetchall()
        books.check("usage records", dict(usage) == dict.fromkeys(self.jobs, 1),
                    [row for row in usage if row[1] != 1][:5])  # fmt: skip
        repeated = asked.total() - len(self.jobs)
        superseded = _one(
            connection, "SELECT count(*) FROM usage_usagerecord WHERE error_code = 'superseded'"
        )
        books.counts |= {
            "calls of the model": asked.total(),
            "of them repeated": repeated,
            "answered whole": self.upstream.answered.total(),
            "usage records of unwanted answers": superseded,
        }

    def _balance_webhooks(self, books: Books, connection: psycopg.Connection) -> None:
        rows = connection.execute(
            "SELECT '/' || split_part(url, '/', 4), job_id::text, status, message_id::text"
            " FROM webhooks_webhookdelivery AS delivery"
            " JOIN webhooks_webhookendpoint AS endpoint ON endpoint.id = endpoint_id"
        ).fetchall()
        made = Counter((path, job) for path, job, _, _ in rows)
        told = {job for job, number in self.numbers.items() if _is_told(number)}
        wanted = {(path, job): 1 for path in ("/first", "/second") for job in told}
        books.check("one delivery for each endpoint and job", made == wanted, len(rows))
        books.check("deliveries not ended well", {row[2] for row in rows} == {"delivered"})
        books.check("messages taken", set(self.receiver.taken) == set(wanted), len(self.receiver.taken))
        ids = {f"msg_{row[3].replace('-', '')}" for row in rows}
        books.check("messages that nobody made", set(self.receiver.received) == ids)
        books.check("signatures and bodies", not self.receiver.wrong, self.receiver.wrong[:5])
        books.counts |= {
            "webhook messages": len(rows),
            "received": self.receiver.received.total(),
            "taken more than once": sum(count > 1 for count in self.receiver.taken.values()),
        }

    def _balance_sizes(self, books: Books) -> None:
        before, after = self.web_before, self.web_after
        grown = after.memory_kb - before.memory_kb
        books.check("threads of the web process", after.threads <= before.threads + 6, (before, after))
        books.check("connections of the web process", after.sockets <= before.sockets + 6, (before, after))
        books.check("memory of the web process", grown < 100_000, (before, after))
        for size in self.worker_sizes:
            books.check("threads of a worker", size.threads <= self.plan.concurrency + 20, size)
            books.check("connections of a worker", size.sockets <= self.plan.concurrency + 40, size)
            books.check("memory of a worker", size.memory_kb < 300_000, size)
        books.counts |= {
            "web process (threads, sockets, MB)": [before.told, after.told],
            "workers (threads, sockets, MB)": [size.told for size in self.worker_sizes],
        }


def _is_told(number: int) -> bool:
    """Whether the job is one of the key that has endpoints."""
    return number % 4 == 0


@dataclass(frozen=True)
class Size:
    """What a process has: of sockets, those for listening and its own inner ones too."""

    threads: int
    sockets: int
    memory_kb: int

    @property
    def told(self) -> tuple[int, int, int]:
        return self.threads, self.sockets, self.memory_kb // 1024


def _size(pid: int) -> Size:
    sockets = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            sockets += str(descriptor.readlink()).startswith("socket:")
    return Size(len(list(Path(f"/proc/{pid}/task").iterdir())), sockets, resident_kb(pid))


def _one(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="changeover-torture-") as name:
        yield Path(name)
