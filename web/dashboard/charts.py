"""Numbers drawn as SVG: this computes where everything stands, templates/partials/_chart.html writes it.

Colours are classes of static/changeover/desk.css, for the policy allows no style in a page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 300, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 298, 8, 110
_GAP = 0.25
"""Of a column's width, what stays free between two bars."""
_MOST = 1e15

Number = float | int | None


@dataclass(frozen=True, slots=True)
class Series:
    """`css_class` gives the colour. Where a value is None, or no finite number, nothing is drawn."""

    name: str
    css_class: str
    values: Sequence[Number]


@dataclass(frozen=True, slots=True)
class Bar:
    css_class: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the axis: its bars above each other, and what the pointer is told there."""

    tip: str
    x: str
    width: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Pieces of a line; one that is a point alone is a dot."""

    css_class: str
    pieces: tuple[str, ...]
    dots: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`id` is unique in the page. `rows`: the numbers as text, for the table beside the picture."""

    id: str
    title: str
    description: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    levels: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    series: tuple[Series, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    bottom: int = _BOTTOM
    depth: int = _BOTTOM - _TOP
    tick_y: int = _BOTTOM + 17


@dataclass(frozen=True, slots=True)
class Frame:
    """What a chart is about. `labels`: of the columns; `show` writes a value."""

    id: str
    title: str
    description: str
    labels: Sequence[str]
    show: Callable[[float], str]


def bar_chart(frame: Frame, series: Sequence[Series]) -> Chart:
    """The series of a column stand above each other."""
    highest = max((_sum(series, place) for place in range(len(frame.labels))), default=0.0)
    scale = _Scale(highest, len(frame.labels))
    columns = tuple(_column(frame, series, scale, place) for place in range(len(frame.labels)))
    return _chart(frame, series, scale, columns, ())


def line_chart(frame: Frame, series: Sequence[Series]) -> Chart:
    values = [number for each in series for number in map(_drawable, each.values) if number is not None]
    scale = _Scale(max(values, default=0.0), len(frame.labels))
    places = range(len(frame.labels))
    columns = tuple(_column(frame, series, scale, place, has_bars=False) for place in places)
    return _chart(frame, series, scale, columns, tuple(_line(each, scale) for each in series))


class _Scale:
    """`top_value` is the lowest round number that nothing exceeds."""

    def __init__(self, highest: float, places: int) -> None:
        self.top_value = _round_up(highest)
        self.places = places
        self.step = (_RIGHT - _LEFT) / max(1, places)

    def y(self, value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * value / self.top_value

    def x(self, place: int) -> float:
        return _LEFT + self.step * place


def _chart(
    frame: Frame,
    series: Sequence[Series],
    scale: _Scale,
    columns: tuple[Column, ...],
    lines: tuple[Line, ...],
) -> Chart:
    levels = (0.0, scale.top_value / 2, scale.top_value)
    places = range(len(frame.labels))
    shown = sorted({0, len(frame.labels) // 2, len(frame.labels) - 1} & set(places))
    return Chart(
        id=frame.id,
        title=frame.title,
        description=frame.description,
        columns=columns,
        lines=lines,
        levels=tuple(Mark(frame.show(level), _text(scale.y(level))) for level in levels),
        ticks=tuple(Mark(frame.labels[place], _text(scale.x(place) + scale.step / 2)) for place in shown),
        series=tuple(series),
        rows=tuple((frame.labels[place], tuple(_cells(frame, series, place))) for place in places),
    )


def _column(
    frame: Frame, series: Sequence[Series], scale: _Scale, place: int, *, has_bars: bool = True
) -> Column:
    cells = zip(series, _cells(frame, series, place), strict=True)
    tip = f"{frame.labels[place]}: " + ", ".join(f"{each.name}: {cell}" for each, cell in cells)
    bars = tuple(_bars(series, scale, place)) if has_bars else ()
    return Column(tip, _text(scale.x(place)), _text(scale.step), bars)


def _bars(series: Sequence[Series], scale: _Scale, place: int) -> list[Bar]:
    below, bars = 0.0, []
    for each in series:
        value = _at(each, place) or 0.0
        if value:
            height = scale.y(below) - scale.y(below + value)
            x, width = scale.x(place) + scale.step * _GAP / 2, scale.step * (1 - _GAP)
            top = scale.y(below + value)
            bars.append(Bar(each.css_class, _text(x), _text(top), _text(width), _text(max(0.5, height))))
            below += value
    return bars


def _line(series: Series, scale: _Scale) -> Line:
    pieces: list[list[tuple[str, str]]] = [[]]
    for place in range(scale.places):
        value = _at(series, place)
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((_text(scale.x(place) + scale.step / 2), _text(scale.y(value))))
    return Line(
        series.css_class,
        tuple(" ".join(f"{x},{y}" for x, y in piece) for piece in pieces if len(piece) > 1),
        tuple(piece[0] for piece in pieces if len(piece) == 1),
    )


def _cells(frame: Frame, series: Sequence[Series], place: int) -> list[str]:
    values = [_at(each, place) for each in series]
    return ["—" if value is None else frame.show(value) for value in values]


def _sum(series: Sequence[Series], place: int) -> float:
    return sum(_at(each, place) or 0.0 for each in series)


def _at(series: Series, place: int) -> float | None:
    return _drawable(series.values[place]) if place < len(series.values) else None


def _drawable(value: Number) -> float | None:
    """Below zero is drawn as zero, and beyond a number that no one counts to as that number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return float(min(max(value, 0), _MOST))


def _round_up(highest: float) -> float:
    """To 1, 2, 4 or 8 times a power of ten, so that half of it is round as well; 1 for nothing."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(max(highest, 1e-9)))
    return next((power * factor for factor in (1, 2, 4, 8) if power * factor >= highest), power * 10)


def _text(number: float) -> str:
    return f"{number:.1f}"
