"""Results with round numbers, for the tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.cells import Cell, Shape
from benchmarks.growth import Flatness, Memory, Statements
from benchmarks.machine import Machine
from benchmarks.results import Results
from benchmarks.streams import FirstChunk, StreamsAtOnce

SPEEDS = {"mock": 40_000.0, "forwarder": 8_000.0, "changeover": 4_000.0, "litellm": 100.0}
LATENCIES = {"mock": 0.1, "forwarder": 0.3, "changeover": 0.6, "litellm": 10.1}


def results(changeover_speed: float = 4_000.0) -> Results:
    cells = [
        _cell(target, Shape(connections, streamed, delay_ms), speed)
        for streamed in (False, True)
        for delay_ms in (0, 50)
        for connections in (1, 16, 64)
        for target, speed in (SPEEDS | {"changeover": changeover_speed}).items()
    ]
    return Results(
        machine=Machine(
            "Processor", 2, 24.0, "Linux 6", "3.11.7", "18.1", 0.1, {"uvicorn": "1"}, {"litellm": "2"}
        ),
        cells=cells,
        streams=StreamsAtOnce(1000, 1000, 1000, 100, 200, 20.0, 100_000, 150_000, ""),
        first_chunk=FirstChunk(100, 0.5, 1.5, 0),
        flatness=Flatness(1_000_000, 100_000, 200.0, 210.0, 4000.0, 3900.0, 0),
        memory=Memory(20_000, 100_000, 100_000, 101_000, 0),
        statements=Statements(20_000, 1_000, 0),
        measured_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    )


def _cell(target: str, shape: Shape, per_second: float) -> Cell:
    median_ms = LATENCIES[target]
    return Cell(target, shape, per_second, median_ms, median_ms, median_ms, median_ms, 50.0, 0.3, 0, "")
