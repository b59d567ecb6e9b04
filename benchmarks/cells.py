"""What is measured for each target, in rounds: noise of the machine hits all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from .load import Findings, Load, run_load
from .plans import Plan
from .samples import median
from .services import Service


@dataclass(frozen=True, slots=True)
class Shape:
    """Which load. `delay_ms`: of the upstream, whose streams then have a pace too."""

    connections: int
    streamed: bool
    delay_ms: int

    @property
    def plan(self) -> Plan:
        return Plan(self.delay_ms, chunks=20, pace_ms=5 if self.delay_ms else 0)


@dataclass(frozen=True, slots=True)
class Cell:
    """A shape at a target: the median of its rounds, and the failures of all.

    `generator_share`: of one core, what the load generator itself used.
    """

    target: str
    shape: Shape
    per_second: float
    median_ms: float
    p95_ms: float
    p99_ms: float
    first_chunk_ms: float
    cpu_us: float
    generator_share: float
    failures: int
    first_failure: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured. `slow_warmup_s`: for a target that needs seconds for one answer."""

    rounds: int
    warmup_s: float
    window_s: float
    slow_warmup_s: float
    connections: tuple[int, ...]


FULL = Extent(rounds=3, warmup_s=0.4, window_s=2.0, slow_warmup_s=2.0, connections=(1, 16, 64, 256))
QUICK = Extent(rounds=1, warmup_s=0.2, window_s=0.6, slow_warmup_s=0.6, connections=(1, 16, 64, 256))


def shapes(extent: Extent) -> Iterator[Shape]:
    for streamed in (False, True):
        for delay_ms in (0, 50):
            for connections in extent.connections:
                yield Shape(connections, streamed, delay_ms)


def measure(targets: Sequence[Service], extent: Extent, say: Callable[[str], None]) -> list[Cell]:
    found: dict[tuple[Shape, str], list[Findings]] = {}
    for target in targets:
        _warm_up(target)
    for number in range(extent.rounds):
        for shape in shapes(extent):
            for target in targets:
                findings = run_load(_load(shape, target, extent))
                found.setdefault((shape, target.name), []).append(findings)
                say(f"round {number + 1}: {_told(shape, target, findings)}")
    return [cell(target, shape, rounds) for (shape, target), rounds in found.items()]


def _warm_up(target: Service) -> None:
    """Each once in all the ways: a server may load much with its first request."""
    for streamed in (False, True):
        load = Load(target.port, target.key, connections=4, streamed=streamed, warmup_s=0, duration_s=60)
        run_load(replace(load, most_requests=100, finish=True))


def _load(shape: Shape, target: Service, extent: Extent) -> Load:
    is_slow = target.name == "litellm" and shape.connections > 16
    return Load(
        port=target.port,
        key=target.key,
        connections=shape.connections,
        streamed=shape.streamed,
        plan=shape.plan,
        warmup_s=extent.slow_warmup_s if is_slow else extent.warmup_s,
        duration_s=extent.window_s,
        watched=(target.pid,),
    )


def _told(shape: Shape, target: Service, found: Findings) -> str:
    kind = "streamed" if shape.streamed else "plain"
    return (
        f"{kind:8} {shape.delay_ms:2} ms {shape.connections:3} connections  {target.name:10} "
        f"{found.per_second:9,.1f}/s  {found.latency.median_ms:8.2f} ms"
    ) + (f"  {found.failures} FAILED: {found.first_failure}" if found.failures else "")


def cell(target: str, shape: Shape, rounds: Sequence[Findings]) -> Cell:
    return Cell(
        target=target,
        shape=shape,
        per_second=median([found.per_second for found in rounds]),
        median_ms=median([found.latency.median_ms for found in rounds]),
        p95_ms=median([found.latency.p95_ms for found in rounds]),
        p99_ms=median([found.latency.p99_ms for found in rounds]),
        first_chunk_ms=median([found.first_chunk.median_ms for found in rounds]),
        cpu_us=median([found.cpu_us() for found in rounds]),
        generator_share=median([found.own_cpu_s / found.seconds for found in rounds]),
        failures=sum(found.failures for found in rounds),
        first_failure=next((found.first_failure for found in rounds if found.failures), ""),
    )
