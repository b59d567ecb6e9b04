"""What was done to a trail that should only have grown. Without Django or a database.

Each event holds the digest of the one before, and checkpoints sign the digests. So these are found, with the
number of the event: one that was changed, taken out, put in, doubled or moved; a checkpoint that was forged
or taken out; an export that was cut.

What no reading of the trail can find:

- That its end was cut off, events and checkpoints alike, back to some checkpoint or less than its `every`
  after it; or that the events after the last checkpoint were made anew. Who can do this owns the tables, or
  is a superuser of the database. An export that lies elsewhere shows it (`audit verify --against EXPORT`), or
  the number and digest that `audit verify` printed last time.
- All of it was made anew and signed by who has the signing key too. Again only an older export shows it.
- That something happened of which no event was written, or that an event was made up when it was written: who
  can write to the tables as the application does can add to the end what the application could add.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .chaining import digest_of
from .signing import Keyring, Purpose, WrongSignature

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """`where`: such as "Event 7"."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}."


@dataclass(slots=True)
class Report:
    """What was read, and what is wrong with it; of the faults the first MOST_SHOWN are kept."""

    events: int = 0
    checkpoints: int = 0
    first_number: int | None = None
    previous_digest: str = ""
    last_number: int | None = None
    last_digest: str = ""
    sealed_number: int = 0
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0

    def add(self, where: str, what: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_SHOWN:
            self.faults.append(Fault(where, what))

    def __str__(self) -> str:
        """What to tell somebody: the faults, or that there is none and how far the trail goes."""
        if not self.fault_count:
            return f"No fault. {self._extent()}"
        more = self.fault_count - len(self.faults)
        shown = [str(fault) for fault in self.faults] + ([f"And {more} more."] if more else [])
        return "\n".join([*shown, f"Faults: {self.fault_count}. {self._extent()}"])

    def _extent(self) -> str:
        if self.last_number is None:
            return "There are no events."
        return (
            f"Events: {self.events}, from {self.first_number} to {self.last_number}. "
            f"Checkpoints: {self.checkpoints}, the last at event {self.sealed_number}. "
            f"Digest of event {self.last_number}: {self.last_digest}"
        )


@dataclass(frozen=True, slots=True)
class _Seal:
    number: int
    every: int


class Verifier:
    """Is shown events and checkpoints in the order of their numbers, a checkpoint after its event, and
    remembers but the last ones."""

    def __init__(self, keys: Keyring, *, is_window: bool) -> None:
        """is_window: it may begin with any event, whose `previous_digest` is then taken as it is."""
        self._keys = keys
        self._is_window = is_window
        self._seal: _Seal | None = None
        self._good_number = 0  # of the last checkpoint that was signed well
        self.report = Report()

    def see_event(self, event: Mapping[str, Any]) -> None:
        """The CHAINED fields and the digest."""
        report, number = self.report, event["number"]
        report.events += 1
        if not _fits(event):
            report.add(f"Event {number}", "it was changed, its digest does not fit what it says")
        if report.last_number is None:
            self._begin(event)
        elif number <= report.last_number:
            report.add(f"Event {number}", _misplaced(number, report.last_number))
            return
        else:
            self._follow(event, report.last_number)
        report.last_number, report.last_digest = number, event["digest"]

    def see_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        report, number = self.report, checkpoint["number"]
        report.checkpoints += 1
        where = f"Checkpoint at event {number}"
        try:
            self._keys.check(Purpose.CHECKPOINT, checkpoint)
        except WrongSignature as error:
            report.add(where, str(error))
        else:
            self._compare(where, checkpoint)
            self._good_number = number
        self._seal = _Seal(number, checkpoint["every"])
        report.sealed_number = number

    def finish(self) -> Report:
        """After the last event."""
        last = self.report.last_number
        if self._seal is None:
            if last is not None and not self._is_window:
                self.report.add("Checkpoint at event 1", "it is missing, and there is no other")
        elif last is not None and last >= (due := self._seal.number + self._seal.every):
            self.report.add(f"Checkpoint at event {due}", "it is missing, it was due then at the latest")
        return self.report

    def _begin(self, event: Mapping[str, Any]) -> None:
        report, number = self.report, event["number"]
        report.first_number, report.previous_digest = number, event["previous_digest"]
        if number == 1:
            if event["previous_digest"]:
                report.add("Event 1", "it names an event before it, but is the first")
        elif not self._is_window or number < 1:
            report.add(_events(1, number - 1), "missing, the trail begins after")

    def _follow(self, event: Mapping[str, Any], last_number: int) -> None:
        number = event["number"]
        if number > last_number + 1:
            self.report.add(_events(last_number + 1, number - 1), "missing")
        elif event["previous_digest"] != self.report.last_digest:
            what = f"it does not continue event {last_number} as it is now: one of the two was exchanged"
            self.report.add(f"Event {number}", what)

    def _compare(self, where: str, checkpoint: Mapping[str, Any]) -> None:
        """With the event before it and the checkpoint before it."""
        number, previous = checkpoint["number"], checkpoint["previous_number"]
        since = f"event {self._seal.number}" if self._seal else "the beginning"
        if number != self.report.last_number:
            self.report.add(where, "its event is not before it")
        elif checkpoint["digest"] != self.report.last_digest:
            self.report.add(
                where, f"it was signed over another event {number}: what is since {since} was exchanged"
            )
        # One that was badly signed is a fault already; it is no second one that it was or was not there.
        known = {self._seal.number, self._good_number} if self._seal else {0}
        if previous not in known and (self._seal or not self._is_window):
            self.report.add(
                f"Checkpoint at event {previous}", f"it is missing before the one at event {number}"
            )


def _fits(event: Mapping[str, Any]) -> bool:
    try:
        return digest_of(event) == event["digest"] and isinstance(json.loads(event["details_json"]), dict)
    except (ValueError, RecursionError):  # nothing that was ever recorded
        return False


def _misplaced(number: int, last_number: int) -> str:
    if number == last_number:
        return "it is there twice"
    return f"it stands after event {last_number}: it was moved, or is there twice"


def _events(first: int, last: int) -> str:
    return f"Event {first}" if first >= last else f"Events {first} to {last}"
