"""What a person reads of HTML: its texts and those attributes that are shown or spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

_OF_ARIA = ("label", "description", "placeholder", "roledescription", "valuetext")
SHOWN_ATTRIBUTES = frozenset(
    [
        "title",
        "alt",
        "placeholder",
        "label",
        "hx-confirm",
        "hx-prompt",
        *(f"aria-{name}" for name in _OF_ARIA),
    ]
)
BUTTON_TYPES = frozenset(["submit", "button", "reset"])
# What stands in them is code or was entered by somebody.
CODE_TAGS = frozenset(["script", "style", "code", "kbd", "samp", "textarea"])
VOID_TAGS = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_SENTENCE_LIKE = re.compile(r"[A-Z][a-z]+")

Attributes = dict[str, str]


@dataclass(frozen=True)
class ReadText:
    line: int
    text: str


def read_texts(markup: str, *, language: str = "") -> list[ReadText]:
    """Not those within an element that says translate="no", or that its language is another than this one."""
    reader = _Reader(language)
    reader.feed(markup)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, language: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[ReadText] = []
        self._language = language
        self._open_in_silence: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        is_silent = bool(self._open_in_silence) or self._is_silent(tag, attributes)
        if not is_silent:
            for text in _shown(tag, attributes):
                self._note(text)
        elif tag not in VOID_TAGS:
            self._open_in_silence.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID_TAGS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open_in_silence:
            if self._open_in_silence.pop() == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._open_in_silence:
            self._note(data)

    def _is_silent(self, tag: str, attributes: Attributes) -> bool:
        is_foreign = bool(self._language) and attributes.get("lang", self._language) != self._language
        return tag in CODE_TAGS or attributes.get("translate") == "no" or is_foreign

    def _note(self, text: str) -> None:
        if text.strip():
            blank = text[: len(text) - len(text.lstrip())]
            line = self.getpos()[0] + blank.count("\n")
            self.found.append(ReadText(line, " ".join(text.split())))


def _shown(tag: str, attributes: Attributes) -> Iterator[str]:
    for name, value in attributes.items():
        is_label = name == "value" and tag == "input" and attributes.get("type") in BUTTON_TYPES
        is_description = name == "content" and attributes.get("name") == "description"
        is_for_a_script = name.startswith("data-") and _SENTENCE_LIKE.match(value) is not None
        if name in SHOWN_ATTRIBUTES or is_label or is_description or is_for_a_script:
            yield value
