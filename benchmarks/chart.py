"""The chart: requests/s by connections, drawn as SVG that reads on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .results import Results

_WIDTH, _HEIGHT = 860, 400
_TOP, _BOTTOM = 80, 340
_LEFTS = (62, 492)  # of the two panels
_PANEL = 250
_SERIES = (("forwarder", "bare forwarder"), ("changeover", "Changeover"), ("litellm", "LiteLLM"))
_LABEL_GAP = 15
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #454c57 }
  .page { fill: #ffffff }
  .title { font-size: 15px; font-weight: 600; fill: #14181f }
  .grid { stroke: #d9dde3; stroke-width: 1 }
  .forwarder { --c: #6b7480 } .changeover { --c: #0b62c4 } .litellm { --c: #b4480f }
  polyline { fill: none; stroke: var(--c); stroke-width: 2 }
  .changeover polyline { stroke-width: 3 }
  circle { fill: var(--c) }
  .name { fill: var(--c); font-weight: 600 }
  .forwarder polyline { stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 }
    text { fill: #b7bfca }
    .title { fill: #eef1f5 }
    .grid { stroke: #3a424d }
    .forwarder { --c: #9aa4b1 } .changeover { --c: #62aaff } .litellm { --c: #ff9a5c }
  }
"""


def draw(results: Results) -> str:
    panels = [
        _panel(results, _LEFTS[0], "Plain answers, instant upstream", streamed=False),
        _panel(results, _LEFTS[1], "Streams of 20 chunks, instant upstream", streamed=True),
    ]
    heading = f"Requests per second of one process on {results.machine.cores} cores (logarithmic)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{escape(heading)}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
            f'<text class="title" x="16" y="28">{escape(heading)}</text>',
            *panels,
            "</svg>\n",
        ]
    )


class Scale:
    """Where a number of requests/s stands: logarithmic, by whole powers of ten."""

    def __init__(self, values: Sequence[float]) -> None:
        self.lowest = math.floor(math.log10(max(1, min(values))))
        self.highest = max(self.lowest + 1, math.ceil(math.log10(max(1, *values))))

    def y(self, value: float) -> float:
        share = (math.log10(max(1, value)) - self.lowest) / (self.highest - self.lowest)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def lines(self) -> list[int]:
        return [10**power for power in range(self.lowest, self.highest + 1)]


def _panel(results: Results, left: int, title: str, *, streamed: bool) -> str:
    cells = [cell for cell in results.cells if cell.shape.streamed == streamed and cell.shape.delay_ms == 0]
    connections = sorted({cell.shape.connections for cell in cells})
    lines = {
        target: [
            results.cell(target, connections=number, streamed=streamed).per_second for number in connections
        ]
        for target, _ in _SERIES
    }
    scale = Scale([value for line in lines.values() for value in line])
    return "\n".join(
        [
            f'<text x="{left - 46}" y="58">{escape(title)}</text>',
            *(_grid_line(scale, left, value) for value in scale.lines()),
            *_ticks(left, connections),
            *(_line(scale, left, target, line) for target, line in lines.items()),
            *_names(scale, left, lines),
        ]
    )


def _grid_line(scale: Scale, left: int, value: int) -> str:
    y = scale.y(value)
    return (
        f'<line class="grid" x1="{left}" x2="{left + _PANEL}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>'
    )


def _ticks(left: int, connections: Sequence[int]) -> list[str]:
    ticks = [
        f'<text x="{_x(left, place, len(connections)):.1f}" y="{_BOTTOM + 20}" '
        f'text-anchor="middle">{number}</text>'
        for place, number in enumerate(connections)
    ]
    return [
        *ticks,
        f'<text x="{left + _PANEL / 2}" y="{_BOTTOM + 40}" text-anchor="middle">connections</text>',
    ]


def _x(left: int, place: int, places: int) -> float:
    return left + 12 + place * (_PANEL - 24) / max(1, places - 1)


def _line(scale: Scale, left: int, target: str, values: Sequence[float]) -> str:
    points = [(_x(left, place, len(values)), scale.y(value)) for place, value in enumerate(values)]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<g class="{target}"><polyline points="{path}"/>{dots}</g>'


def _names(scale: Scale, left: int, lines: dict[str, list[float]]) -> list[str]:
    """Beside the end of each line, moved apart where they would lie on each other."""
    names = dict(_SERIES)
    ends = sorted((scale.y(line[-1]), target) for target, line in lines.items())
    placed: list[str] = []
    free = 0.0
    for y, target in ends:
        y = max(y, free)
        free = y + 2 * _LABEL_GAP
        x = left + _PANEL + 8
        value = lines[target][-1]
        placed.append(
            f'<g class="{target}"><text class="name" x="{x}" y="{y + 1:.1f}">{escape(names[target])}</text>'
            f'<text x="{x}" y="{y + 1 + _LABEL_GAP:.1f}">{value:,.0f}/s</text></g>'
        )
    return placed
