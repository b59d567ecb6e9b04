"""What axe says of a page: https://github.com/dequelabs/axe-core."""

from __future__ import annotations

from typing import Any, cast

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_GRAVE = ("serious", "critical")
# Without what axe would load and write into the page, which the policy forbids.
_ALL: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
_COLOURS = _ALL | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
# Colours that are still on their way from the one scheme to the other are nobody's. One that has come may set
# another off, which inherits from it.
_SETTLED = """
    async () => {
        const frame = () => new Promise(requestAnimationFrame);
        const moving = () => document.getAnimations().filter(each => each instanceof CSSTransition);
        await frame();
        do {
            await Promise.allSettled(moving().map(each => each.finished));
            await frame();
        } while (moving().length);
    }
"""
_STANDING_OUT = """
    [...document.body.querySelectorAll("*")]
        .filter(each => each.scrollWidth > innerWidth || each.getBoundingClientRect().right > innerWidth)
        .map(each => each.outerHTML.slice(0, 100)).slice(-5)
"""
# Into each page once, and of what it finds nothing else is fetched: both take longer than to look.
_IS_THERE = "typeof axe !== 'undefined'"
_FIND = "async rules => (await axe.run(rules)).violations"


def assert_accessible(page: Page) -> None:
    """No fault that axe calls serious or critical; in the dark nothing but colours is another question.

    As every look of this module, at a page that has loaded: what a click leads to has its address first."""
    page.wait_for_load_state()
    for scheme, rules in (("light", _ALL), ("dark", _COLOURS)):
        page.emulate_media(color_scheme=cast(Any, scheme))
        page.evaluate(_SETTLED)
        faults = _faults(page, rules)
        assert not faults, f"{page.url} ({scheme}):\n" + "\n".join(faults)
    page.emulate_media(color_scheme="null")


def assert_fits(page: Page, width: int) -> None:
    """At this width nothing stands out to the right, so that a reader scrolls down only."""
    page.wait_for_load_state()
    size = page.viewport_size
    page.set_viewport_size({"width": width, "height": 740})
    needed = page.evaluate("document.documentElement.scrollWidth")
    assert needed <= width, f"{page.url} needs {needed} px: {page.evaluate(_STANDING_OUT)}"
    page.set_viewport_size(cast(Any, size))


def _faults(page: Page, rules: dict[str, Any]) -> list[str]:
    if not page.evaluate(_IS_THERE):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{each['id']} ({each['impact']}): {each['help']}\n" + "\n".join(_places(each))
        for each in page.evaluate(_FIND, rules)
        if each["impact"] in _GRAVE
    ]


def _places(violation: dict[str, Any]) -> list[str]:
    return [f"    {node['html'][:200]}\n      {node['failureSummary']}" for node in violation["nodes"][:5]]
