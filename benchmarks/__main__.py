"""Measures everything in one go and writes docs/performance.md and its chart: `make bench`.

python -m benchmarks            the whole run, about a quarter of an hour
python -m benchmarks --quick    a short one, of which the documentation is left alone
python -m benchmarks --report   only writes the documentation again, from the last whole run
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

import psycopg

from . import cells, growth, machine, report, results, streams
from .cells import Extent
from .changeover import Installation, install, running_database
from .commandline import Say, arguments, teller
from .paths import RESULTS
from .plans import Plan
from .results import Results
from .services import Service, running_forwarder, running_mock, running_peer

KEYS_IN_USE = 1000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large each part of the run is."""

    extent: Extent
    streams: int
    stream_plan: Plan
    first_chunk_s: float
    usage_rows: int
    keys: int
    flat_rounds: int
    flat_window_s: float
    memory_requests: tuple[int, int]
    statement_requests: int


WHOLE = Sizes(
    extent=cells.FULL,
    streams=1000,
    stream_plan=Plan(chunks=100, pace_ms=200),
    first_chunk_s=10,
    usage_rows=1_000_000,
    keys=100_000,
    flat_rounds=6,
    flat_window_s=2,
    memory_requests=(20_000, 100_000),
    statement_requests=20_000,
)
SHORT = Sizes(
    extent=cells.QUICK,
    streams=200,
    stream_plan=Plan(chunks=30, pace_ms=200),
    first_chunk_s=3,
    usage_rows=50_000,
    keys=5_000,
    flat_rounds=2,
    flat_window_s=1,
    memory_requests=(2_000, 8_000),
    statement_requests=4_000,
)


def main() -> None:
    options = arguments(__doc__)
    whole_path, short_path = RESULTS / "results.json", RESULTS / "quick.json"
    if options.report:
        found = results.read(whole_path)
    else:
        found = run(SHORT if options.quick else WHOLE, teller())
        results.write(found, short_path if options.quick else whole_path)
    if not options.quick:
        report.write(found)
    print(report.table_of_targets(found))


def run(sizes: Sizes, say: Say) -> Results:
    load_before = os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        mock = stack.enter_context(running_mock())
        postgres_url = stack.enter_context(running_database())
        installation = install(postgres_url, mock)
        say("what grows with requests, on a new server")
        with installation.running() as server:
            memory = growth.memory_over(server, first=sizes.memory_requests[0], last=sizes.memory_requests[1])
            statements = growth.count_statements(
                installation.database_url, server, requests=sizes.statement_requests
            )
        return Results(
            machine=machine.this_machine(postgres=_postgres_version(postgres_url), load_before=load_before),
            cells=_measure_cells(sizes, mock, installation, say),
            streams=_open_streams(sizes, installation, say),
            first_chunk=_first_chunk(sizes, mock, installation, say),
            flatness=_compare(sizes, postgres_url, mock, say),
            memory=memory,
            statements=statements,
            measured_at=results.now(),
        )


def _measure_cells(sizes: Sizes, mock: Service, installation: Installation, say: Say) -> list[cells.Cell]:
    with contextlib.ExitStack() as stack:
        forwarder = stack.enter_context(running_forwarder(mock))
        changeover = stack.enter_context(installation.running())
        peer = stack.enter_context(running_peer(mock))
        return cells.measure((mock, forwarder, changeover, peer), sizes.extent, say)


def _open_streams(sizes: Sizes, installation: Installation, say: Say) -> streams.StreamsAtOnce:
    say(f"{sizes.streams} streams at once")
    with installation.running() as server:
        return streams.open_at_once(server, streams=sizes.streams, plan=sizes.stream_plan)


def _first_chunk(sizes: Sizes, mock: Service, installation: Installation, say: Say) -> streams.FirstChunk:
    say("the first chunk of a stream, while others run")
    with installation.running() as server:
        return streams.first_chunk_under_load(mock, server, streams=100, seconds=sizes.first_chunk_s)


def _compare(sizes: Sizes, postgres_url: str, mock: Service, say: Say) -> growth.Flatness:
    say(f"filling a database with {sizes.usage_rows:,} usage rows and {sizes.keys:,} keys")
    empty = install(postgres_url, mock, database="empty")
    filled = install(postgres_url, mock, database="filled")
    secrets = [f"co_benchmark_{number}" for number in range(KEYS_IN_USE)]
    digests = [filled.digest(secret) for secret in secrets]
    growth.fill(filled.database_url, usage_rows=sizes.usage_rows, keys=sizes.keys, digests=digests)
    say("the same load on it and on an empty one")
    with empty.running() as on_empty, filled.running() as on_filled:
        return growth.compare(
            on_empty,
            on_filled,
            secrets=secrets,
            usage_rows=sizes.usage_rows,
            keys=sizes.keys,
            rounds=sizes.flat_rounds,
            seconds=sizes.flat_window_s,
        )


def _postgres_version(url: str) -> str:
    with psycopg.connect(url) as connection:
        number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"


if __name__ == "__main__":
    main()
