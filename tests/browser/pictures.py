"""Screenshots, for people to look at: SCREENSHOTS names the folder, without it none are taken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Page

from .looking import DESKTOP, PHONE


def take(page: Page, name: str) -> None:
    """The page as it is now, in light, in dark and at a phone's width: NAME-light.png …"""
    if not os.environ.get("SCREENSHOTS"):
        return
    page.wait_for_load_state()
    folder = Path(os.environ["SCREENSHOTS"])
    for kind, scheme, size in (
        ("light", "light", DESKTOP),
        ("dark", "dark", DESKTOP),
        ("phone", "light", PHONE),
    ):
        page.emulate_media(color_scheme=cast(Any, scheme))
        page.set_viewport_size(cast(Any, size))
        page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True)
    page.emulate_media(color_scheme="null")
    page.set_viewport_size(cast(Any, DESKTOP))
