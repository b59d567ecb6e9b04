"""Every pair of colours that the theme puts on each other can be read, in light and in dark (WCAG 2.2 AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STYLES = Path(__file__).resolve().parents[2] / "static/changeover"
TEXT, SHAPE = 4.5, 3.0

TEXT_PAIRS = [
    *((text, ground) for text in ("text", "quiet") for ground in ("ground", "surface", "sunken")),
    *(("accent", ground) for ground in ("ground", "surface", "sunken", "accent-soft")),
    *(("accent-hover", ground) for ground in ("ground", "surface", "sunken")),
    *(("text", f"{name}-soft") for name in ("accent", "ok", "warn", "bad", "info")),
    ("quiet", "accent-soft"),
    *((name, f"{name}-soft") for name in ("ok", "warn", "bad", "info")),
    *((name, ground) for name in ("ok", "warn", "bad", "info") for ground in ("ground", "surface")),
    *(("on-accent", ground) for ground in ("accent", "accent-hover")),
    *(("on-danger", ground) for ground in ("danger", "danger-hover")),
    ("danger", "surface"),
]
SHAPE_PAIRS = [
    *(("edge", ground) for ground in ("ground", "surface")),
    *(("focus", ground) for ground in ("ground", "surface", "sunken")),
    *((f"series-{name}", "surface") for name in ("main", "second", "warn", "bad")),
]


def colours() -> dict[str, tuple[str, str]]:
    """Light and dark, by name."""
    css = "".join((STYLES / name).read_text() for name in ("theme.css", "desk.css"))
    found = re.findall(r"--co-([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", css)
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance, read 2026-11-26."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("pair", "least"),
    [*((pair, TEXT) for pair in TEXT_PAIRS), *((pair, SHAPE) for pair in SHAPE_PAIRS)],
    ids=lambda value: "-on-".join(value) if isinstance(value, tuple) else None,
)
def test_contrast_is_enough(pair: tuple[str, str], least: float, mode: int) -> None:
    front, ground = (colours()[name][mode] for name in pair)

    assert contrast(front, ground) >= least, f"{front} on {ground}: {contrast(front, ground):.2f}"


def test_contrast_of_black_on_white_is_the_known_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("name", ["theme.css", "pages.css", "admin.css", "desk.css"])
def test_stylesheet_names_no_colour_beside_the_palette(name: str) -> None:
    css = re.sub(r"/\*.*?\*/", "", (STYLES / name).read_text(), flags=re.DOTALL)
    rules = re.sub(r"--co-[\w-]+:[^;]+;", "", css)

    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;,) ])", rules)


@pytest.mark.parametrize("name", ["theme.css", "pages.css", "admin.css", "desk.css"])
def test_stylesheet_uses_only_variables_that_there_are(name: str) -> None:
    defined = set(re.findall(r"(--co-[\w-]+):", "".join(path.read_text() for path in STYLES.glob("*.css"))))

    assert set(re.findall(r"var\((--co-[\w-]+)", (STYLES / name).read_text())) <= defined
