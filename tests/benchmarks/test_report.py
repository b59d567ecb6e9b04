from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import chart, report, results
from benchmarks.paths import PAGE
from tests.benchmarks import numbers


def test_report_marks_a_missed_target() -> None:
    table = report.table_of_targets(numbers.results(changeover_speed=1_900))

    assert (
        "| Requests/s at 64 connections, against LiteLLM's | ≥ 20 times | 19.0 times | **missed** |" in table
    )
    assert "| Memory of each of them | ≤ 100 KB | 50.0 KB | reached |" in table


def test_report_replaces_only_what_stands_between_the_marks() -> None:
    page = "before\n<!-- cells: written by `make bench` -->\nold\n<!-- end of cells -->\nafter"

    replaced = report.replaced(page, "cells", "new")

    assert replaced == (
        "before\n<!-- cells: written by `make bench` -->\n\nnew\n\n<!-- end of cells -->\nafter"
    )


def test_report_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks for cells"):
        report.replaced("a page", "cells", "new")


@pytest.mark.parametrize("name", ["targets", "machine", "cells"])
def test_report_finds_its_marks_in_the_page(name: str) -> None:
    assert "new" in report.replaced(PAGE.read_text(), name, "new")


def test_results_are_the_same_when_read_again(tmp_path: Path) -> None:
    written = numbers.results()
    results.write(written, tmp_path / "results.json")

    assert results.read(tmp_path / "results.json") == written


def test_chart_is_svg_and_names_each_line_in_both_panels() -> None:
    root = ElementTree.fromstring(chart.draw(numbers.results()))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]

    assert [texts.count(name) for name in ("bare forwarder", "Changeover", "LiteLLM")] == [2, 2, 2]
    assert texts.count("4,000/s") == 2
