"""Whatever the numbers are, the drawing is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from web.dashboard import charts
from web.dashboard.charts import Chart, Frame, Series, bar_chart, line_chart
from web.dashboard.numbers import number_text

SVG = "{http://www.w3.org/2000/svg}"
numbers = st.one_of(st.none(), st.integers(), st.floats(), st.just(10**400))
makers = st.sampled_from([bar_chart, line_chart])
Maker = Callable[[Frame, Sequence[Series]], Chart]


def frame(places: int, title: str = "Requests", description: str = "Some") -> Frame:
    return Frame("c", title, description, [f"{place:02}:00" for place in range(places)], number_text)


def drawn(chart: Chart) -> ElementTree.Element:
    html = render_to_string("partials/_chart.html", {"chart": chart})
    picture = re.search(r"<svg class=.chart-picture.*?</svg>", html, re.DOTALL)
    assert picture
    return ElementTree.fromstring(picture[0].replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))


def coordinates(svg: ElementTree.Element) -> list[float]:
    names = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height")
    single = [element.get(name) for element in svg.iter() for name in names if element.get(name)]
    points = [element.get("points", "") for element in svg.iter(f"{SVG}polyline")]
    return [float(number) for text in [*map(str, single), *points] for number in re.split("[ ,]", text)]


@given(make=makers, rows=st.lists(st.lists(numbers, max_size=30), max_size=4), places=st.integers(0, 30))
def test_chart_of_any_numbers_is_valid_and_inside_its_box(
    make: Maker, rows: list[list[float | int | None]], places: int
) -> None:
    series = [Series(f"S{number}", "series-main", values) for number, values in enumerate(rows)]

    svg = drawn(make(frame(places), series))

    assert all(0 <= number <= charts.WIDTH for number in coordinates(svg))


@given(
    make=makers,
    text=st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")),
)
def test_chart_of_any_words_is_valid(make: Maker, text: str) -> None:
    svg = drawn(make(frame(2, text, text), [Series(text, "series-main", [1, 2])]))

    assert (svg.findtext(f"{SVG}title") or "") == text


def test_chart_is_described_and_its_numbers_are_a_table() -> None:
    chart = bar_chart(frame(2, "Requests", "3 in all"), [Series("Answered", "series-main", [1, 2])])

    html = render_to_string("partials/_chart.html", {"chart": chart})

    assert 'role="img" aria-labelledby="c-title c-description"' in html
    assert drawn(chart).findtext(f"{SVG}desc") == "3 in all"
    assert chart.rows == (("00:00", ("1",)), ("01:00", ("2",)))
    assert '<th scope="row">01:00</th><td class="num">2</td>' in html


def test_chart_has_no_style_or_colour_of_its_own() -> None:
    chart = line_chart(frame(3), [Series("Median", "series-main", [1, None, 3])])

    html = render_to_string("partials/_chart.html", {"chart": chart})

    assert not re.search(r'\b(style|fill|stroke)="', html)


def test_bars_of_a_column_stand_above_each_other() -> None:
    chart = bar_chart(frame(1), [Series("A", "a", [3]), Series("B", "b", [1])])

    lower, upper = chart.columns[0].bars

    assert float(upper.y) + float(upper.height) == pytest.approx(float(lower.y), abs=0.11)
    assert float(lower.height) == pytest.approx(3 * float(upper.height), abs=0.3)


def test_line_is_cut_where_a_value_lacks() -> None:
    chart = line_chart(frame(5), [Series("Median", "m", [1, 2, None, 3, float("nan")])])

    [line] = chart.lines

    assert (len(line.pieces), len(line.dots)) == (1, 1)


@pytest.mark.parametrize(("highest", "top"), [(0, "1"), (1, "1"), (7, "8"), (81, "100"), (1100, "2k")])
def test_scale_ends_on_a_round_number(highest: int, top: str) -> None:
    chart = bar_chart(frame(1), [Series("A", "a", [highest])])

    assert chart.levels[-1].text == top
