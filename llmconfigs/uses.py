"""When the configurations were last used. That is known above this package, which says so when it starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol


class Use(Protocol):
    """requests: since the moment that was asked for; has_more: there are more than were counted."""

    @property
    def last_used_at(self) -> datetime | None: ...
    @property
    def requests(self) -> int: ...
    @property
    def has_more(self) -> bool: ...


class Reader(Protocol):
    def __call__(self, config_ids: Collection[int], *, since: datetime) -> Mapping[int, Use]: ...


def provide(reader: Reader) -> None:
    """Before the first request, by whoever can read it."""
    global _reader
    _reader = reader


def uses_of_configs(config_ids: Collection[int], *, since: datetime) -> Mapping[int, Use]:
    """By the configuration's id; in few queries for all of them."""
    return _reader(config_ids, since=since)


def _nobody_knows(config_ids: Collection[int], *, since: datetime) -> Mapping[int, Use]:
    return {}


_reader: Reader = _nobody_knows
