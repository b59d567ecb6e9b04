"""All that one run found, and its form on the disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .cells import Cell, Shape
from .growth import Flatness, Memory, Statements
from .machine import Machine
from .streams import FirstChunk, StreamsAtOnce


@dataclass(frozen=True, slots=True)
class Results:
    machine: Machine
    cells: Sequence[Cell]
    streams: StreamsAtOnce
    first_chunk: FirstChunk
    flatness: Flatness
    memory: Memory
    statements: Statements
    measured_at: datetime

    def cell(self, target: str, *, connections: int, streamed: bool = False, delay_ms: int = 0) -> Cell:
        """Raises StopIteration if that was not measured."""
        shape = Shape(connections, streamed, delay_ms)
        return next(cell for cell in self.cells if cell.target == target and cell.shape == shape)

    @property
    def failures(self) -> int:
        """Of Changeover, in all runs; those of the others stand with their numbers."""
        others = (self.first_chunk, self.flatness, self.memory, self.statements)
        cells = (cell for cell in self.cells if cell.target == "changeover")
        return sum(cell.failures for cell in cells) + sum(part.failures for part in others)


def write(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=1, default=datetime.isoformat) + "\n")


def read(path: Path) -> Results:
    stored = json.loads(path.read_text())
    return Results(
        machine=Machine(**stored["machine"]),
        cells=[_cell(cell) for cell in stored["cells"]],
        streams=StreamsAtOnce(**stored["streams"]),
        first_chunk=FirstChunk(**stored["first_chunk"]),
        flatness=Flatness(**stored["flatness"]),
        memory=Memory(**stored["memory"]),
        statements=Statements(**stored["statements"]),
        measured_at=datetime.fromisoformat(stored["measured_at"]),
    )


def _cell(stored: dict[str, Any]) -> Cell:
    return Cell(**(stored | {"shape": Shape(**stored["shape"])}))


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
