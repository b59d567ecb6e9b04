"""Many streams at once: whether they are whole, what they weigh, and what a new one waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .load import Load, RunningLoad, run_load
from .plans import Plan
from .procfs import peak_resident_kb, reset_peak, resident_kb
from .services import Service


@dataclass(frozen=True, slots=True)
class StreamsAtOnce:
    """`memory_kb`: what the server grew from its size after a few streams to its peak, for each stream."""

    asked: int
    complete: int
    most_open: int
    chunks: int
    pace_ms: int
    seconds: float
    before_kb: int
    peak_kb: int
    first_failure: str

    @property
    def memory_kb(self) -> float:
        return (self.peak_kb - self.before_kb) / self.asked


def open_at_once(server: Service, *, streams: int, plan: Plan) -> StreamsAtOnce:
    """The server is warm: it has answered plain requests and some streams."""
    run_load(Load(server.port, server.key, connections=8, warmup_s=0, duration_s=1))
    run_load(Load(server.port, server.key, connections=8, streamed=True, warmup_s=0, duration_s=1))
    time.sleep(0.5)
    before_kb = resident_kb(server.pid)
    reset_peak(server.pid)
    load = Load(
        server.port,
        server.key,
        connections=streams,
        streamed=True,
        plan=plan,
        warmup_s=0,
        duration_s=120,
        most_requests=streams,
        finish=True,
    )
    found = run_load(load)
    return StreamsAtOnce(
        asked=streams,
        complete=found.requests,
        most_open=found.most_open,
        chunks=plan.chunks,
        pace_ms=plan.pace_ms,
        seconds=found.seconds,
        before_kb=before_kb,
        peak_kb=peak_resident_kb(server.pid),
        first_failure=found.first_failure,
    )


@dataclass(frozen=True, slots=True)
class FirstChunk:
    """Medians in milliseconds, while `streams` others run: of the mock upstream itself, and through us."""

    streams: int
    direct_ms: float
    through_ms: float
    failures: int

    @property
    def added_ms(self) -> float:
        return self.through_ms - self.direct_ms


def first_chunk_under_load(mock: Service, server: Service, *, streams: int, seconds: float) -> FirstChunk:
    direct_ms, direct_failures = _first_chunk_ms(mock, streams, seconds)
    through_ms, failures = _first_chunk_ms(server, streams, seconds)
    return FirstChunk(streams, direct_ms, through_ms, failures + direct_failures)


def _first_chunk_ms(target: Service, streams: int, seconds: float) -> tuple[float, int]:
    """Of one more connection, which asks for short streams one after the other. The others get 20 chunks a
    second each, as from a model of the usual speed."""
    plan = Plan(chunks=100, pace_ms=50)
    others = RunningLoad(
        Load(
            target.port,
            target.key,
            connections=streams,
            streamed=True,
            plan=plan,
            warmup_s=0,
            duration_s=seconds,
            finish=True,
        )
    )
    time.sleep(1)  # until they have begun
    found = run_load(
        Load(target.port, target.key, streamed=True, plan=Plan(chunks=5), duration_s=seconds - 1)
    )
    return found.first_chunk.median_ms, found.failures + others.result().failures
