"""Pages in Chromium."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import expect as expect_there

from scripts.bootstrap import BROWSERS, find_browser

from .distant import PlaywrightThread
from .people import session_cookie
from .watching import Watch

PATIENCE_MS = 30_000
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 740}

# Nothing but what the pages themselves do goes over the network, and no name but the server's leads anywhere.
_ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


class Chromium:
    """One browser; each `open` is a new profile in it."""

    def __init__(self, base_url: str) -> None:
        path = find_browser()
        assert path, (
            f"There is no Chromium: none of {', '.join(BROWSERS)} is on the PATH, nor is CHROMIUM set."
        )
        self.base_url = base_url
        self.thread = PlaywrightThread()
        self.thread.do(expect_there.set_options, PATIENCE_MS)
        self._playwright = self.thread.do(sync_playwright().start)
        self._browser = self._playwright.chromium.launch(
            executable_path=path, headless=True, chromium_sandbox=False, args=_ARGUMENTS
        )

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()
        self.thread.end()

    def open(self, user: User | None = None, **options: Any) -> Visit:
        """A window of somebody, logged in if it is a user. options: of playwright's Browser.new_context."""
        # Without movement, so that a page is still when it is looked at.
        usual = {"base_url": self.base_url, "viewport": DESKTOP, "reduced_motion": "reduce"}
        context = self._browser.new_context(**usual | options)
        context.set_default_timeout(PATIENCE_MS)
        if user is not None:
            cookie = {
                "name": settings.SESSION_COOKIE_NAME,
                "value": session_cookie(user),
                "url": self.base_url,
            }
            context.add_cookies([cookie])
        return Visit(context, self.thread, self.base_url)


class Visit:
    """A window and what is seen in it: `page` is a stand-in for playwright's Page."""

    def __init__(self, context: Any, thread: PlaywrightThread, base_url: str) -> None:
        self.context = cast(BrowserContext, context)
        self.watch = Watch(base_url)
        thread.do(self.watch.follow, context)
        self.page = cast(Page, context.new_page())

    def close(self) -> list[str]:
        """The trouble that there was."""
        for page in self.context.pages:
            # What happened before this is known once it is answered, also by a page that is only coming.
            page.locator("html").wait_for(state="attached")
        self.context.close()
        return self.watch.trouble()


def expect(what: Any) -> Any:
    """playwright's assertions, which wait, about a page or a locator."""
    return what._thread.do(expect_there, what)


def tab_to(page: Page, name: str) -> None:
    """By the Tab key, as often as it takes, at most once around.

    A page has its address before it has a body, and what has the focus may still change until it has loaded.
    """
    page.wait_for_load_state()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText ?? ''").strip().startswith(name):
            return
    raise AssertionError(f"Nobody comes to {name} by the Tab key.")
