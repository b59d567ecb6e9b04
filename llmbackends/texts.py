"""Texts that a person may read, with their values apart, so that an application can translate them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def gettext_noop(text: str) -> str:
    """Marks a text for translation and returns it as it is; makemessages looks for this name."""
    return text


def storable(text: str) -> str:
    """The text with U+FFFD for what no database stores; models do write such characters."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Sentence(str):
    """English, with its values apart: what an error or a report says of itself.

    template: as of a Problem. values: may be sentences, too. What has been cut out of it, or masked, is a
    plain str and stays English.
    """

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, **values: Any) -> Sentence:
        sentence = super().__new__(cls, template % values)
        sentence.template, sentence.values = template, values
        return sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], Mapping[str, Any]]:
        """For copies, which would else be made of the finished text."""
        return (self.template,), self.values


def joined(*texts: str) -> Sentence:
    """Sentences, or what somebody else has said, one after the other."""
    first, *others = texts
    together = first if isinstance(first, Sentence) else Sentence("%(text)s", text=first)
    for other in others:
        together = Sentence("%(first)s %(other)s", first=together, other=other)
    return together


@dataclass(frozen=True)
class Problem:
    """What is wrong, as one sentence; `str()` is the English one.

    template: the sentence with a place such as %(name)s for each of `values`, marked by gettext_noop.
    """

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values

    @property
    def sentence(self) -> Sentence:
        return Sentence(self.template, **self.values)
