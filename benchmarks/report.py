"""Writes docs/performance.md and its chart from the results. The text around the tables stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import chart
from .cells import Cell
from .paths import CHART, PAGE
from .results import Results
from .targets import added_ms, judge

NAMES = {
    "mock": "the mock upstream itself",
    "forwarder": "bare forwarder",
    "changeover": "Changeover",
    "litellm": "LiteLLM",
}
_BEGIN = "<!-- {name}: written by `{by}` -->"
_END = "<!-- end of {name} -->"


def write(results: Results) -> None:
    page = PAGE.read_text()
    page = replaced(page, "machine", machine_text(results))
    page = replaced(page, "targets", table_of_targets(results))
    page = replaced(page, "cells", "\n\n".join(_tables_of_cells(results)))
    PAGE.write_text(page)
    CHART.write_text(chart.draw(results))


def replaced(page: str, name: str, text: str, *, by: str = "make bench") -> str:
    """The page with that text between the marks of that name. Raises ValueError if they are not there."""
    begin, end = _BEGIN.format(name=name, by=by), _END.format(name=name)
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"The page has no marks for {name}.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def machine_text(results: Results) -> str:
    machine = results.machine
    return "\n".join(
        [
            f"- Measured {results.measured_at:%Y-%m-%d %H:%M} UTC on {machine.cores} cores of "
            f"{machine.processor}, {machine.memory_gb} GB, {machine.kernel}; "
            f"load average before the run: {machine.load_before:.2f}.",
            f"- Python {machine.python}, PostgreSQL {machine.postgres} on the same cores.",
            f"- Changeover on {_versions(machine.libraries)}.",
            f"- LiteLLM and the forwarder on {_versions(machine.peer_libraries)}.",
            f"- The load generator used at most {_most_of_a_core(results):.0%} of a core, and "
            f"{_generator_cost_us(results):.0f} µs for a request.",
        ]
    )


def _versions(libraries: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in libraries.items())


def _most_of_a_core(results: Results) -> float:
    """Where a server is measured; asking the mock itself is what shows the generator's own limit."""
    return max(cell.generator_share for cell in results.cells if cell.target != "mock")


def _generator_cost_us(results: Results) -> float:
    ceiling = results.cell("mock", connections=64)
    return ceiling.generator_share / ceiling.per_second * 1e6


def table_of_targets(results: Results) -> str:
    rows = [
        [target.name, target.goal, target.found, "reached" if target.is_reached else "**missed**"]
        for target in judge(results)
    ]
    return table(["", "to reach", "found", ""], rows)


def _tables_of_cells(results: Results) -> Iterator[str]:
    for streamed in (False, True):
        for delay_ms in (0, 50):
            yield f"### {_title(streamed, delay_ms)}\n\n{_speeds(results, streamed, delay_ms)}"
    yield f"### Added to the upstream's own time, at one connection\n\n{_added(results)}"


def _title(streamed: bool, delay_ms: int) -> str:
    what = "Streams of 20 chunks" if streamed else "Plain answers"
    if not delay_ms:
        return f"{what}, instant upstream"
    return f"{what}, upstream of {delay_ms} ms" + (" and 5 ms a chunk" if streamed else "")


def _speeds(results: Results, streamed: bool, delay_ms: int) -> str:
    by_place = {
        (cell.shape.connections, cell.target): cell
        for cell in results.cells
        if cell.shape.streamed == streamed and cell.shape.delay_ms == delay_ms
    }
    rows = []
    for connections in sorted({connections for connections, _ in by_place}):
        row = [by_place[connections, target] for target in NAMES]
        rows.append([str(connections), *(_speed(cell) for cell in row), *_ratios(row)])
    return table(
        ["connections", *NAMES.values(), "Changeover / forwarder", "Changeover / LiteLLM"], rows, aligned="r"
    )


def _speed(cell: Cell) -> str:
    failed = f", **{cell.failures} failed**" if cell.failures else ""
    first = f", first chunk {_ms(cell.first_chunk_ms)}" if cell.shape.streamed else ""
    return f"{_rate(cell.per_second)}/s<br>{_ms(cell.median_ms)}, p99 {_ms(cell.p99_ms)}{first}{failed}"


def _ratios(row: Sequence[Cell]) -> list[str]:
    by_target = {cell.target: cell.per_second for cell in row}
    ours = by_target["changeover"]
    return [
        f"{ours / by_target[other]:.2f}" if by_target[other] else "-" for other in ("forwarder", "litellm")
    ]


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.2f} ms"


def _added(results: Results) -> str:
    rows = []
    for target in ("forwarder", "changeover", "litellm"):
        cell = results.cell(target, connections=64)
        rows.append([NAMES[target], _ms(added_ms(results, target)), f"{cell.cpu_us:,.0f} µs"])
    return table(
        ["", "added median latency, plain, instant", "CPU of its process for a request, at 64"],
        rows,
        aligned="r",
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, aligned: str = "l") -> str:
    rule = ["---", *(["---:"] if aligned == "r" else ["---"]) * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
