"""What must not happen on any page, seen from inside the browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

# The browser tells of most violations on its console too, but not of all.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event => console.error(
    `CSP violation: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`
));
"""
# The browser or the page ended it: another page was asked for, or the answer is a download.
_ENDED_HERE = "net::ERR_ABORTED"


class Watch:
    """Collects the trouble of all pages of a browser context: errors and warnings on the console, exceptions
    of scripts, dialogs, violations of the Content-Security-Policy, requests to other hosts, failed requests,
    answers of 500 and more."""

    def __init__(self, base_url: str) -> None:
        self._host = urlsplit(base_url).netloc
        self._trouble: list[str] = []
        self._expected: list[str] = []

    def follow(self, context: Any) -> None:
        """In playwright's thread."""
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._add(f"exception: {error.error}"))
        context.on("dialog", self._on_dialog)
        context.on("request", self._on_request)
        context.on("requestfailed", self._on_failure)
        context.on("response", self._on_response)

    def expect(self, pattern: str) -> None:
        """Trouble that matches is what the test wants to see; if it does not come, that is trouble too."""
        self._expected.append(pattern)

    def trouble(self) -> list[str]:
        unexpected = [
            each for each in self._trouble if not any(re.search(pattern, each) for pattern in self._expected)
        ]
        missing = [
            f"expected and not seen: {pattern}"
            for pattern in self._expected
            if not any(re.search(pattern, each) for each in self._trouble)
        ]
        return unexpected + missing

    def _add(self, text: str) -> None:
        self._trouble.append(text)

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._add(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _on_dialog(self, dialog: Any) -> None:
        self._add(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self._host:
            self._add(f"request to another host: {request.url}")

    def _on_failure(self, request: Any) -> None:
        if request.failure != _ENDED_HERE:
            self._add(f"failed request: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Any) -> None:
        if response.status >= 500:
            self._add(f"answer {response.status}: {response.request.method} {response.url}")
