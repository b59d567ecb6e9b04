from __future__ import annotations

import pytest

from web.dashboard.numbers import number_text, seconds_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (7, "7"),
        (999, "999"),
        (1234, "1.23k"),
        (20_000, "20k"),
        (3_456_789, "3.46M"),
        (2e9, "2G"),
        (1e15, "1000T"),
    ],
)
def test_number_is_short(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0, "0 s"),
        (0.0425, "42.5 ms"),
        (0.5, "500 ms"),
        (1.5, "1.5 s"),
        (119, "119 s"),
        (600, "10 min"),
    ],
)
def test_seconds_have_a_fitting_unit(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text
