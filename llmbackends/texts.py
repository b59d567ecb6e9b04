"""Texts that a person may read, with their values apart, so that an application can translate them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def gettext_noop(text: str) -> str:
    """Marks a text for translation and returns it as it is; makemessages looks for this name."""
    return text


@dataclass(frozen=True)
class Problem:
    """What is wrong, as one sentence; `str()` is the English one.

    template: the sentence with a place such as %(name)s for each of `values`, marked by gettext_noop.
    """

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values
