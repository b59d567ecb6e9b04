"""No script holds a text of its own: no catalogue would have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from .script_texts import shown

ROOT = Path(settings.BASE_DIR)


def test_scripts_hold_no_text() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{each.line}": each.text
        for path in sorted((ROOT / "static").rglob("*.js"))
        for each in shown(path.read_text(encoding="utf-8"))
    }

    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        'button.textContent = "copied";',
        "button.title = 'Copy';",
        'window.confirm("sure?")',
        'field.setAttribute("aria-label", "Search")',
        'show("That did not work.")',
        "show(`${count} tokens`)",
        "show(`${count} of ${total}`)",
        'show("복사")',
    ],
)
def test_shown_finds_a_text(source: str) -> None:
    assert shown(f"// a comment\n{source}")[0].line == 2


@pytest.mark.parametrize(
    "source",
    [
        '"use strict"; // Not "A text" here.\n/* Nor "A text" here. */',
        'document.querySelector("details.menu[open]").hidden = true;',
        'box.querySelector(`[data-key="${key}"]`).className = "message message-error";',
        'if (event.key !== "Escape") headers["X-CSRFToken"] = meta("csrf-token");',
        "button.textContent = button.dataset.copied;",
        "line.style.transform = `translate(${x}px, ${y}px)`; link.href = `/jobs/${id}/events`;",
    ],
)
def test_shown_finds_nothing_in_code(source: str) -> None:
    assert shown(source) == []
