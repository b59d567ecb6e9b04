"""The trail in the database, from its first entry to its last and in memory of a fixed size."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Max, QuerySet

from .chaining import chained_values, values_of
from .models import AuditEvent, Checkpoint
from .signing import SIGNED, Keyring, Purpose
from .verification import Report, Verifier

PAGE = 1_000
Entry = AuditEvent | Checkpoint
_Row = TypeVar("_Row", AuditEvent, Checkpoint)


def entries(first: int | None, last: int) -> Iterator[Entry]:
    """Events by their numbers, each checkpoint after its event. `first`: None from the very beginning."""
    # Pages and not one cursor, which would keep a transaction or a copy of all rows for the whole time.
    events = _pages(_within(AuditEvent.objects.all(), first, last))
    checkpoints = _pages(_within(Checkpoint.objects.all(), first, last))
    return heapq.merge(events, checkpoints, key=lambda entry: (entry.number, isinstance(entry, Checkpoint)))


def exported(entry: Entry) -> tuple[str, dict[str, Any]]:
    """Its kind and its values, as an export has them."""
    if isinstance(entry, AuditEvent):
        return "event", chained_values(entry) | {"digest": entry.digest}
    values = values_of(entry, SIGNED[Purpose.CHECKPOINT])
    return "checkpoint", values | {"signature": entry.signature}


def last_number(model: type[Entry] = AuditEvent) -> int:
    """0 of an empty table."""
    return model.objects.aggregate(last=Max("number"))["last"] or 0


def verify_stored(keys: Keyring) -> Report:
    """Reads all of it; events that come meanwhile are left for the next time."""
    last_checkpoint = last_number(Checkpoint)  # read first: its event is not younger
    last = last_number()
    verifier = Verifier(keys, is_window=False)
    for entry in entries(None, last):
        kind, values = exported(entry)
        if kind == "event":
            verifier.see_event(values)
        else:
            verifier.see_checkpoint(values)
    report = verifier.finish()
    if last_checkpoint > last:
        report.add(f"Events {last + 1} to {last_checkpoint}", "missing at the end, a checkpoint is beyond it")
    return report


def compare_with_export(export: Report, report: Report) -> None:
    """Adds to `report` what the export still has and the database has no more, or otherwise."""
    if export.last_number is None:
        return
    event = AuditEvent.objects.filter(number=export.last_number).only("digest").first()
    where = f"Event {export.last_number}"
    if event is None:
        report.add(where, "the export has it, the database has it no more")
    elif event.digest != export.last_digest:
        report.add(where, "it is another one in the export: what came before was made anew")


def _within(rows: QuerySet[_Row], first: int | None, last: int) -> QuerySet[_Row]:
    rows = rows.filter(number__lte=last).order_by("number")
    return rows if first is None else rows.filter(number__gte=first)


def _pages(rows: QuerySet[_Row]) -> Iterator[_Row]:
    page = list(rows[:PAGE])
    while page:
        yield from page
        page = list(rows.filter(number__gt=page[-1].number)[:PAGE])
