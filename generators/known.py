"""The published generators, kept in memory for as long as their epoch stays the same."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import OperationalError

from epochs.current import Epochs
from epochs.models import Epoch
from epochs.outages import DATABASE_DOWN
from epochs.outside_pool import OwnConnection
from epochs.reading import CoalescedReader
from epochs.subjects import Subject

from .definition import Definition, definition_of
from .models import Generator
from .offers import Offer, offer_of

LOAD_PATIENCE_S = 5.0


class Generators:
    """Those of one epoch. Retired versions are among them: jobs that were accepted for one still run."""

    def __init__(self, rows: Sequence[Generator]) -> None:
        self._published = {row.public_name: definition_of(row) for row in rows}
        self._current = {row.name: row.public_name for row in rows if row.is_current}
        self._offers = {
            row.public_name: offer_of(self._published[row.public_name], is_current=row.is_current)
            for row in rows
            if row.is_active
        }

    def published(self, public_name: str) -> Definition | None:
        """By its exact name, also if it is offered no more."""
        return self._published.get(public_name)

    def offered(self, name: str) -> Definition | None:
        """By the name of an active version, or by one without a version, which means the current one."""
        offer = self.offer(name)
        return self._published[offer.public_name] if offer is not None else None

    def offer(self, name: str) -> Offer | None:
        """What clients may know of what `offered` gives."""
        return self._offers.get(self._current.get(name, name))

    @property
    def offers(self) -> tuple[Offer, ...]:
        """By name, the newest version first."""
        return tuple(self._offers.values())

    @property
    def offered_names(self) -> tuple[str, ...]:
        return tuple(self._offers)


async def known(epochs: Epochs) -> Generators:
    """As they are at `epochs`, or later; while the database is down, as they were last known.

    Raises django.db.Error if they have changed and cannot be read.
    """
    kept = _kept
    if kept is not None and kept[0] == epochs.generators:
        return kept[1]
    try:
        generators = await _reader.get()
    except (TimeoutError, *DATABASE_DOWN) as error:
        if kept is not None and epochs.is_stale:
            return kept[1]
        raise OperationalError("The generators have changed and could not be read.") from error
    _keep(epochs.generators, generators)
    return generators


def known_now() -> Generators:
    """For threads: as they are now, in this thread's transaction if it is in one."""
    number = Epoch.objects.filter(subject=Subject.GENERATORS).values_list("number", flat=True).first() or 0
    kept = _kept
    if kept is not None and kept[0] == number:
        return kept[1]
    generators = _read()
    _keep(number, generators)
    return generators


def last_known() -> Generators | None:
    """For when not even the epoch can be read."""
    kept = _kept
    return kept[1] if kept is not None else None


def _keep(number: int, generators: Generators) -> None:
    """The number was read before they were, so they are at least as new."""
    global _kept
    _kept = number, generators


def _read() -> Generators:
    return Generators(list(Generator.objects.filter(published_at__isnull=False)))


def _read_in_own_thread() -> Generators:
    with _connection.in_use():
        return _read()


_kept: tuple[int, Generators] | None = None
_connection = OwnConnection()
_reader = CoalescedReader(_read_in_own_thread, name="generators", patience_s=lambda: LOAD_PATIENCE_S)
