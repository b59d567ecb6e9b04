"""Reading server-sent events as a client does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """A comment has the name ":"."""

    name: str
    data: Any


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """`lines` without their ends, as httpx's iter_lines gives them."""
    name, data = "message", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if line.startswith(":"):
            yield Event(":", line)
        elif field == "event":
            name = value
        elif field == "data":
            data += value
        elif not line and data:
            yield Event(name, json.loads(data))
            name, data = "message", ""
