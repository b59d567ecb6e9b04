"""All secrets at rest, of whatever model, and their way to the first of FIELD_ENCRYPTION_KEYS.

It goes on while the application serves, and can be broken off at any moment: a value is replaced only if it
is still the one that was read, so an edit at the same time wins. Nothing else of a row changes and no backend
is built anew; on PostgreSQL no process even reads the configurations again, for the secret is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from django.apps import apps
from django.db.models import Model

from audit import trail
from audit.actions import Action
from epochs.triggers import unwatched

from .fields import SealedSecretField
from .sealing import SealedSecret


@dataclass(frozen=True)
class Place:
    """One value: a column of one row."""

    model: type[Model]
    column: str
    pk: object

    def read(self) -> SealedSecret:
        """As it is now; empty if the row is gone."""
        found: SealedSecret | None = (
            self.model._base_manager.filter(pk=self.pk).values_list(self.column, flat=True).first()
        )
        return found or SealedSecret()

    def replace(self, old: SealedSecret, new: SealedSecret) -> bool:
        """Whether it still was `old`; then the trail tells of it, whatever becomes of the rest."""
        with unwatched():
            rows = self.model._base_manager.filter(pk=self.pk, **{self.column: old})
            is_replaced = rows.update(**{self.column: new}) == 1
            if is_replaced:
                trail.record(Action.SECRETS_ROTATED, self.subject)
        return is_replaced

    @property
    def subject(self) -> trail.Subject:
        row = self.model._base_manager.filter(pk=self.pk).first()
        return trail.Subject("secrets", f"{self.model._meta.label_lower}.{self.column}.{self.pk}", str(row))

    def __str__(self) -> str:
        row = self.model._base_manager.filter(pk=self.pk).first()
        return f"{self.model._meta.label} {self.pk} “{row}” ({self.column})"


@dataclass(frozen=True)
class Census:
    """How many values are under which encryption key, by the key's position from 1."""

    by_position: Counter[int]
    undecryptable: tuple[Place, ...]

    @property
    def left(self) -> int:
        """How many could be rotated."""
        return self.by_position.total() - self.by_position[1]


@dataclass
class Rotation:
    rotated: int = 0
    unchanged: int = 0
    undecryptable: list[Place] = field(default_factory=list)


class _Outcome(Enum):
    ROTATED = auto()
    UNCHANGED = auto()
    UNDECRYPTABLE = auto()


def places() -> Iterator[Place]:
    for model in apps.get_models(include_auto_created=True):
        for each in model._meta.local_concrete_fields:
            if isinstance(each, SealedSecretField) and not model._meta.proxy and model._meta.managed:
                rows = model._base_manager.exclude(**{each.attname: ""}).order_by("pk")
                yield from (Place(model, each.attname, pk) for pk in rows.values_list("pk", flat=True))


def take_census() -> Census:
    """Raises EncryptionKeysMalformed."""
    positions = [(place, sealed.key_position) for place in places() if (sealed := place.read())]
    return Census(
        by_position=Counter(position for _, position in positions if position is not None),
        undecryptable=tuple(place for place, position in positions if position is None),
    )


def rotate(
    *, dry_run: bool = False, report: Callable[[int, int], None] = lambda done, total: None
) -> Rotation:
    """Writes every value with the first key, each in a transaction with its event, and records the counts at
    the end. `report` is told after each value how many of how many are done.

    Raises EncryptionKeysMalformed.
    """
    found, rotation = list(places()), Rotation()
    for done, place in enumerate(found, start=1):
        match _rotate(place, dry_run=dry_run):
            case _Outcome.ROTATED:
                rotation.rotated += 1
            case _Outcome.UNCHANGED:
                rotation.unchanged += 1
            case _Outcome.UNDECRYPTABLE:
                rotation.undecryptable.append(place)
        report(done, len(found))
    if not dry_run:
        counts = {"rotated": rotation.rotated, "unchanged": rotation.unchanged}
        counts["undecryptable"] = len(rotation.undecryptable)
        trail.record_alone(Action.SECRETS_ROTATED, trail.Subject("secrets"), details=counts)
    return rotation


def _rotate(place: Place, *, dry_run: bool) -> _Outcome:
    while sealed := place.read():
        position = sealed.key_position
        if position is None:
            return _Outcome.UNDECRYPTABLE
        if position == 1:
            return _Outcome.UNCHANGED
        if dry_run or place.replace(sealed, sealed.rotated()):
            return _Outcome.ROTATED
    return _Outcome.UNCHANGED
