"""Writing an export: an event of it first, then the lines.

export = exporting.begin(since=…, until=…)
for chunk in export.chunks(): …
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from . import checkpoints, stored, trail
from .actions import Action
from .chaining import canonical_time
from .exports import FORMAT, line_of
from .keys import signer
from .models import AuditEvent
from .signing import Purpose
from .trail import Subject

_LINES_IN_A_CHUNK = 200


def begin(*, since: datetime | None = None, until: datetime | None = None) -> Export:
    """Records that the trail is exported, and seals it.

    The export has the events from the first one at or after `since` to the last one before `until`, and all
    between these two. Without `until` that is to the event of the export itself.
    """
    period = {"since": _text(since), "until": _text(until)}
    with transaction.atomic():
        event = trail.record(Action.EXPORTED, Subject("audit"), details=period)
        checkpoints.seal(event)
    first, last = _numbers(since, until, event.number)
    return Export(first, last, **period)


@dataclass(frozen=True, slots=True)
class Export:
    """The numbers of its first and last event; if `first` is the greater one, there is none."""

    first: int
    last: int
    since: str
    until: str

    def chunks(self) -> Iterator[bytes]:
        """The lines, many at a time, as slowly as one likes: what they tell of does not change any more."""
        content = _Content()
        lines: list[str] = []
        for entry in stored.entries(self.first, self.last):
            lines.append(content.add(entry))
            if len(lines) == _LINES_IN_A_CHUNK:
                yield "".join(lines).encode()
                lines.clear()
        lines.append(line_of("trailer", content.trailer(self)))
        yield "".join(lines).encode()


class _Content:
    """What the trailer says of the lines before it."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._counts = {"event": 0, "checkpoint": 0}
        self._first: AuditEvent | None = None
        self._last: AuditEvent | None = None

    def add(self, entry: stored.Entry) -> str:
        """Its line."""
        kind, values = stored.exported(entry)
        line = line_of(kind, values)
        self._sha256.update(line.encode())
        self._counts[kind] += 1
        if isinstance(entry, AuditEvent):
            self._first, self._last = self._first or entry, entry
        return line

    def trailer(self, export: Export) -> dict[str, object]:
        values = {
            "format": FORMAT,
            "at": canonical_time(timezone.now()),
            "since": export.since,
            "until": export.until,
            "count": self._counts["event"],
            "checkpoints": self._counts["checkpoint"],
            "first_number": self._first.number if self._first else None,
            "previous_digest": self._first.previous_digest if self._first else "",
            "last_number": self._last.number if self._last else None,
            "last_digest": self._last.digest if self._last else "",
            "sha256": self._sha256.hexdigest(),
        }
        return signer().sign(Purpose.TRAILER, values)


def _numbers(since: datetime | None, until: datetime | None, own_number: int) -> tuple[int, int]:
    events = AuditEvent.objects.filter(number__lte=own_number)
    first: int | None = 1
    last: int | None = own_number
    if since is not None:
        first = events.filter(at__gte=since).aggregate(first=Min("number"))["first"]
    if until is not None:
        last = events.filter(at__lt=until).aggregate(last=Max("number"))["last"]
    return first or own_number + 1, last or 0


def _text(moment: datetime | None) -> str:
    return canonical_time(moment) if moment else ""
