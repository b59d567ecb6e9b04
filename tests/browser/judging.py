"""What axe says of a page: https://github.com/dequelabs/axe-core."""

from __future__ import annotations

from typing import Any, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_GRAVE = ("serious", "critical")
# Where a stylesheet imports another, preloading makes axe write styles into the page: our policy refuses it.
_OPTIONS = {"preload": False}
_axe = Axe()


def assert_accessible(page: Page) -> None:
    """No fault that axe calls serious or critical, in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=cast(Any, scheme))
        faults = _faults(page)
        assert not faults, f"{page.url} ({scheme}):\n" + "\n".join(faults)
    page.emulate_media(color_scheme="null")


def _faults(page: Any) -> list[str]:
    violations = page._thread.do(_axe.run, page, options=_OPTIONS).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['help']}\n" + "\n".join(_places(each))
        for each in violations
        if each["impact"] in _GRAVE
    ]


def _places(violation: dict[str, Any]) -> list[str]:
    return [f"    {node['html'][:200]}\n      {node['failureSummary']}" for node in violation["nodes"][:5]]
