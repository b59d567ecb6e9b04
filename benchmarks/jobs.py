"""Measures the job engine and writes its part of docs/performance.md: `make bench-jobs`.

python -m benchmarks.jobs            the whole run
python -m benchmarks.jobs --quick    a short one, of which the documentation is left alone
python -m benchmarks.jobs --report   only writes the documentation again, from the last whole run
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests import servers

from . import job_runs, report
from .changeover import Installation, install, install_on, running_database
from .commandline import Say, arguments, teller
from .paths import PAGE, RESULTS
from .samples import median
from .targets import Target

SUBMISSIONS_PER_S = 1_000
OF_EMPTY_TASKS = 0.5
IDLE_WAIT_MS = 50
FEWER_ON_FULL = 0.15


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large each part of the run is."""

    rounds: int
    submit_s: float
    jobs: int
    idle_jobs: int
    finished_rows: int


WHOLE = Sizes(rounds=3, submit_s=4, jobs=4_000, idle_jobs=150, finished_rows=1_000_000)
SHORT = Sizes(rounds=2, submit_s=2, jobs=1_500, idle_jobs=30, finished_rows=50_000)


@dataclass(frozen=True, slots=True)
class Found:
    """Medians of the rounds of one installation; of the empty tasks the best round, since Celery has some in
    which it does but 25 a second."""

    submissions_per_s: float
    submission_ms: float
    submission_cpu_us: float
    failures: int
    completed_per_s: float
    empty_tasks_per_s: float
    of_empty_tasks: float
    idle_ms: float
    idle_p95_ms: float


@dataclass(frozen=True, slots=True)
class Results:
    """`embedded`: median and p95 of the wait, in ms, where the server runs the jobs itself, by database."""

    empty: Found
    full: Found
    finished_rows: int
    jobs: int
    load_before: float
    measured_at: str
    embedded: dict[str, tuple[float, float]] = field(default_factory=dict)


def main() -> None:
    options = arguments(__doc__)
    whole_path, short_path = RESULTS / "jobs.json", RESULTS / "jobs-quick.json"
    if options.report:
        found = _read(whole_path)
    else:
        found = run(SHORT if options.quick else WHOLE, teller())
        path = short_path if options.quick else whole_path
        path.write_text(json.dumps(asdict(found), indent=1) + "\n")
    if not options.quick:
        PAGE.write_text(report.replaced(PAGE.read_text(), "jobs", text(found), by="make bench-jobs"))
    print(text(found))


def run(sizes: Sizes, say: Say) -> Results:
    load_before = os.getloadavg()[0]
    with running_database() as postgres_url, servers.running_valkey() as valkey:
        empty = install(postgres_url, None, database="empty", redis_url=valkey.url)
        full = install(postgres_url, None, database="filled", redis_url=valkey.url)
        say(f"filling a database with {sizes.finished_rows:,} jobs that have ended")
        job_runs.fill(full, rows=sizes.finished_rows)
        runs = {"empty": _Rounds(empty), "full": _Rounds(full)}
        for number in range(sizes.rounds):
            for name in ("empty", "full") if number % 2 == 0 else ("full", "empty"):
                runs[name].measure(sizes, lambda told, name=name: say(f"{name}: {told}"))  # type: ignore[misc]
        for name, rounds in runs.items():
            rounds.measure_idle(sizes)
            say(f"{name}: idle wait p95 {rounds.idle[1]:.1f} ms")
        embedded = _embedded(sizes, postgres_url, say)
        return Results(
            embedded=embedded,
            empty=runs["empty"].found(),
            full=runs["full"].found(),
            finished_rows=sizes.finished_rows,
            jobs=sizes.jobs,
            load_before=load_before,
            measured_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        )


def _embedded(sizes: Sizes, postgres_url: str, say: Say) -> dict[str, tuple[float, float]]:
    found = {}
    with tempfile.TemporaryDirectory(prefix="changeover-bench-") as folder:
        installations = {
            "PostgreSQL": install(postgres_url, None, database="embedded"),
            "SQLite": install_on(f"sqlite:///{folder}/changeover.sqlite3", None),
        }
        for database, installation in installations.items():
            with installation.running() as server:
                time.sleep(5)  # until it is at rest
                waits = job_runs.embedded_waits(server, jobs=sizes.idle_jobs)
            found[database] = waits.median_ms, waits.p95_ms
            say(f"the server's own runner on {database}: idle wait p95 {waits.p95_ms:.1f} ms")
    return found


class _Rounds:
    """What the rounds on one installation found."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._submissions: list[tuple[float, float, float, int]] = []
        self._pairs: list[tuple[float, float]] = []
        self.idle = (0.0, 0.0)

    def measure(self, sizes: Sizes, say: Say) -> None:
        with self._installation.running() as server:
            found = job_runs.submissions(server, seconds=sizes.submit_s)
        job_runs.empty_queue(self._installation)
        self._submissions.append((found.per_second, found.latency.median_ms, found.cpu_us(), found.failures))
        jobs = job_runs.completed_per_s(self._installation, jobs=sizes.jobs)
        tasks = job_runs.empty_tasks_per_s(self._installation, tasks=sizes.jobs)
        self._pairs.append((jobs, tasks))
        say(f"{found.per_second:,.0f} submissions/s, {jobs:,.0f} jobs/s, {tasks:,.0f} empty tasks/s")

    def measure_idle(self, sizes: Sizes) -> None:
        with self._installation.running() as server, self._installation.worker(concurrency=8):
            time.sleep(5)  # until both are at rest
            found = job_runs.idle_waits(self._installation, server, jobs=sizes.idle_jobs)
        self.idle = (found.median_ms, found.p95_ms)

    def found(self) -> Found:
        return Found(
            submissions_per_s=median([each[0] for each in self._submissions]),
            submission_ms=median([each[1] for each in self._submissions]),
            submission_cpu_us=median([each[2] for each in self._submissions]),
            failures=sum(each[3] for each in self._submissions),
            completed_per_s=median([jobs for jobs, _ in self._pairs]),
            empty_tasks_per_s=max(tasks for _, tasks in self._pairs),
            of_empty_tasks=median([jobs for jobs, _ in self._pairs]) / max(tasks for _, tasks in self._pairs),
            idle_ms=self.idle[0],
            idle_p95_ms=self.idle[1],
        )


def text(found: Results) -> str:
    targets = [
        [target.name, target.goal, target.found, "reached" if target.is_reached else "**missed**"]
        for target in _judge(found)
    ]
    rows = [_row("empty", found.empty), _row(f"{found.finished_rows:,} finished jobs", found.full)]
    head = [
        "database", "submissions/s", "median", "CPU of one", "jobs/s", "empty tasks/s", "ratio",
        "idle wait, median", "p95",
    ]  # fmt: skip
    return "\n\n".join(
        [
            f"Measured {found.measured_at} UTC, load average before the run: {found.load_before:.2f}; "
            f"{found.jobs:,} jobs and as many empty tasks in each round.",
            report.table(["", "to reach", "found", ""], targets),
            report.table(head, rows, aligned="r"),
            *_of_embedded(found),
        ]
    )


def _of_embedded(found: Results) -> list[str]:
    if not found.embedded:
        return []
    rows = [
        [database, f"{median_ms:.1f} ms", f"{p95_ms:.1f} ms"]
        for database, (median_ms, p95_ms) in found.embedded.items()
    ]
    head = ["the server runs the jobs itself, on", "idle wait, median", "p95"]
    return [report.table(head, rows, aligned="r")]


def _judge(found: Results) -> list[Target]:
    targets = []
    rows = f"with {found.finished_rows:,} finished rows"
    for where, its in (("", found.empty), (f", {rows}", found.full)):
        targets += [
            Target(
                f"Durable submissions/s of one web process{where}",
                f"≥ {SUBMISSIONS_PER_S:,}",
                f"{its.submissions_per_s:,.0f}",
                its.submissions_per_s >= SUBMISSIONS_PER_S and not its.failures,
            ),
            Target(
                f"Completed jobs/s against empty Celery tasks{where}",
                f"≥ {OF_EMPTY_TASKS} times",
                f"{its.of_empty_tasks:.2f} times",
                its.of_empty_tasks >= OF_EMPTY_TASKS,
            ),
            Target(
                f"p95 wait of an idle system{where}",
                f"≤ {IDLE_WAIT_MS} ms",
                f"{its.idle_p95_ms:.1f} ms",
                its.idle_p95_ms <= IDLE_WAIT_MS,
            ),
        ]
    for what, full, empty in (
        ("Submissions/s", found.full.submissions_per_s, found.empty.submissions_per_s),
        ("Completed jobs/s", found.full.completed_per_s, found.empty.completed_per_s),
    ):
        change = full / empty - 1
        goal = f"within {FEWER_ON_FULL:.0%} of the empty database"
        targets.append(Target(f"{what} {rows}", goal, f"{change:+.1%}", change >= -FEWER_ON_FULL))
    return targets


def _row(name: str, its: Found) -> list[str]:
    return [
        name,
        f"{its.submissions_per_s:,.0f}",
        f"{its.submission_ms:.1f} ms",
        f"{its.submission_cpu_us:,.0f} µs",
        f"{its.completed_per_s:,.0f}",
        f"{its.empty_tasks_per_s:,.0f}",
        f"{its.of_empty_tasks:.2f}",
        f"{its.idle_ms:.1f} ms",
        f"{its.idle_p95_ms:.1f} ms",
    ]


def _read(path: Path) -> Results:
    stored = json.loads(path.read_text())
    return Results(**stored | {"empty": Found(**stored["empty"]), "full": Found(**stored["full"])})


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
