"""A page as a browser takes it apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

Attributes = dict[str, str]


@dataclass
class Form:
    """`values` is what a browser would send if nothing were changed, without what its buttons add. `names`:
    of all fields, boxes that are not ticked included."""

    attributes: Attributes
    names: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)


class Page(HTMLParser):
    """`elements`: all start tags with their attributes. `scripts`: the text inside of script elements."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.forms: list[Form] = []
        self._within: list[str] = []
        self._field = ""
        self.feed(response.content.decode())
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.elements.append((tag, values))
        self._within.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "form":
            self.forms.append(Form(values))
        elif self.forms:
            self._fill(tag, values)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self._within.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() != tag:
            pass
        if tag in ("select", "textarea"):
            self._field = ""

    def handle_data(self, data: str) -> None:
        if self._within and self._within[-1] == "script":
            self.scripts[-1] += data
            return
        self.text += data
        if self._within and self._within[-1] == "textarea" and self._field:
            self.forms[-1].values[self._field] = [data.removeprefix("\r\n").removeprefix("\n")]

    def _fill(self, tag: str, values: Attributes) -> None:
        form, name, kind = self.forms[-1], values.get("name", ""), values.get("type", "text")
        if tag == "option" and self._field and "selected" in values:
            form.values.setdefault(self._field, []).append(values.get("value", ""))
        if tag not in ("input", "select", "textarea") or not name or "disabled" in values or kind in _BUTTONS:
            return
        form.names.add(name)
        if tag != "input":
            self._field = name
        elif kind not in ("checkbox", "radio") or "checked" in values:
            usual = "on" if kind in ("checkbox", "radio") else ""
            form.values.setdefault(name, []).append(values.get("value", usual))


_BUTTONS = ("submit", "button", "image", "reset", "file")


def inline_code(page: Page) -> Iterator[str]:
    """What the policy forbids: scripts, styles and handlers that stand in the page itself."""
    for tag, attributes in page.elements:
        if tag == "style" or (tag == "script" and "src" not in attributes and not _is_data(attributes)):
            yield f"<{tag}> {attributes}"
        for name, value in attributes.items():
            if name == "style" or name.startswith(("on", "hx-on")) or _runs(value):
                yield f"<{tag} {name}={value!r}>"


def _is_data(attributes: Attributes) -> bool:
    return attributes.get("type") in ("application/json", "text/plain")


def _runs(value: str) -> bool:
    return (
        value.strip("\x00\t\r\n ").lower().startswith(("javascript:", "vbscript:", "data:text/html", "js:"))
    )
