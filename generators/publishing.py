"""Writing, publishing and choosing versions; read through the module: `publishing.publish(…)`.

A version begins as a draft, is published, and may be retired and brought back. From its publication on its
content is fixed, by triggers too (triggers.py). Everybody who changes a row goes through here, so that the
trail tells of it in the same transaction. The lock on the epoch comes first, so all this happens one after
the other, and the trail last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.actions import Action
from epochs.advancing import advance
from epochs.subjects import Subject

from .checks import problems_of
from .definition import definition_of
from .desk_errors import (
    AlreadyPublished,
    CannotWork,
    GeneratorChangedMeanwhile,
    GeneratorGone,
    IsCurrent,
    NotActive,
    NotPublished,
)
from .models import Generator
from .numbering import next_version
from .recording import CONTENT_FIELDS, changes_between, content_digest, contents_of, subject_of

log = structlog.get_logger(__name__)


def create(generator: Generator) -> None:
    """Stores a draft that is valid (`full_clean()` and checks.py are the caller's) and gives it the next
    version of its name: what it says of that is ignored. Raises TooManyVersions."""
    _create(generator)


def draft_next(origin: Generator) -> Generator:
    """A draft that says the same as `origin`, any version in any state. Raises TooManyVersions."""
    said = {name: getattr(origin, name) for name in CONTENT_FIELDS}
    draft = Generator(name=origin.name, **said)
    _create(draft, origin={"from": origin.public_name})
    return draft


def change(generator: Generator, *, seen: str) -> dict[str, Any]:
    """Stores what a draft says; returns what has changed, as the trail tells it. If nothing has, nothing is
    written. `seen`: the content_digest() of what the caller has changed it from.

    Raises GeneratorGone, AlreadyPublished, GeneratorChangedMeanwhile.
    """
    with _changing(generator) as stored:
        if stored.is_published:
            raise AlreadyPublished(stored.public_name)
        if content_digest(stored) != seen:
            raise GeneratorChangedMeanwhile(stored.public_name)
        changes = changes_between(stored, generator)
        if changes:
            generator.save(update_fields=[*CONTENT_FIELDS, "updated_at"])
            trail.record(Action.GENERATOR_CHANGED, subject_of(generator), details={"changes": changes})
        return changes


def publish(generator: Generator, *, make_current: bool = False) -> None:
    """From now on clients may name it; it never changes again. The first version of a name that clients can
    use is current at once, others if it is said.

    `generator`: the row as the caller has seen it. Raises GeneratorGone, AlreadyPublished,
    GeneratorChangedMeanwhile, and CannotWork.
    """
    with _changing(generator) as stored:
        if stored.is_published:
            raise AlreadyPublished(stored.public_name)
        if content_digest(stored) != content_digest(generator):
            raise GeneratorChangedMeanwhile(stored.public_name)
        if problems := problems_of(definition_of(stored)):
            raise CannotWork(stored.public_name, [problem.message for problem in problems])
        before = _current(stored.name)
        is_current = make_current or before is None
        if is_current:
            _unset_current(stored.name)
        now = timezone.now()
        Generator.objects.filter(pk=stored.pk).update(
            is_active=True, is_current=is_current, published_at=now, updated_at=now
        )
        details = {"content": content_digest(stored), "is_current": is_current}
        details |= _instead_of(before) if is_current else {}
        trail.record(Action.GENERATOR_PUBLISHED, subject_of(stored), details=details)
    _log("generator_published", generator)


def make_current(generator: Generator) -> bool:
    """Who names the generator without a version gets this one from now on. False if that was so already.
    Raises GeneratorGone, NotPublished, NotActive."""
    with _changing(generator) as stored:
        _require_published(stored)
        if not stored.is_active:
            raise NotActive(stored.public_name)
        if stored.is_current:
            return False
        before = _current(stored.name)
        _unset_current(stored.name)
        _update(stored, is_current=True)
        trail.record(Action.GENERATOR_MADE_CURRENT, subject_of(stored), details=_instead_of(before))
    _log("generator_made_current", generator)
    return True


def retire(generator: Generator) -> bool:
    """Clients cannot name it any more; jobs that were accepted are still done. False if that was so already.

    The current version retires only as the last one that is active: then the name alone means nothing to
    clients any more. Raises GeneratorGone, NotPublished, IsCurrent.
    """
    with _changing(generator) as stored:
        _require_published(stored)
        if not stored.is_active:
            return False
        others = Generator.objects.filter(name=stored.name, is_active=True).exclude(pk=stored.pk)
        if stored.is_current and others.exists():
            raise IsCurrent(stored.public_name)
        _update(stored, is_active=False, is_current=False)
        details = {"was_current": stored.is_current}
        trail.record(Action.GENERATOR_RETIRED, subject_of(stored), details=details)
    _log("generator_retired", generator)
    return True


def restore(generator: Generator) -> bool:
    """Clients may name a retired version again; it becomes current if none is. False if it was active.
    Raises GeneratorGone, NotPublished."""
    with _changing(generator) as stored:
        _require_published(stored)
        if stored.is_active:
            return False
        is_current = _current(stored.name) is None
        _update(stored, is_active=True, is_current=is_current)
        details = {"is_current": is_current}
        trail.record(Action.GENERATOR_RESTORED, subject_of(stored), details=details)
    _log("generator_restored", generator)
    return True


def delete(generators: Collection[Generator]) -> None:
    """Drafts, all or none; those that are gone already are passed over. Raises AlreadyPublished."""
    with transaction.atomic():
        _lock()
        stored = list(Generator.objects.filter(pk__in=[generator.pk for generator in generators]))
        for generator in stored:
            if generator.is_published:
                raise AlreadyPublished(generator.public_name)
        Generator.objects.filter(pk__in=[generator.pk for generator in stored]).delete()
        for generator in stored:
            trail.record(Action.GENERATOR_DELETED, subject_of(generator), details=contents_of(generator))


def _create(generator: Generator, *, origin: dict[str, Any] | None = None) -> None:
    with transaction.atomic():
        _lock()
        generator.version = next_version(generator.name)
        generator.save(force_insert=True)
        details = contents_of(generator) | (origin or {})
        trail.record(Action.GENERATOR_CREATED, subject_of(generator), details=details)


@contextmanager
def _changing(generator: Generator) -> Iterator[Generator]:
    """A transaction in which nobody else changes a generator, with the row as it is stored. At its end the
    caller's row is told the state that the transaction has left."""
    with transaction.atomic():
        _lock()
        stored = Generator.objects.filter(pk=generator.pk).first()
        if stored is None:
            raise GeneratorGone(generator.public_name)
        yield stored
    generator.refresh_from_db(fields=["is_active", "is_current", "published_at", "updated_at"])


def _lock() -> None:
    """The lock that every change of a generator takes first, as its trigger does."""
    advance(Subject.GENERATORS)


def _require_published(stored: Generator) -> None:
    if not stored.is_published:
        raise NotPublished(stored.public_name)


def _current(name: str) -> Generator | None:
    return Generator.objects.filter(name=name, is_current=True).first()


def _unset_current(name: str) -> None:
    """In a statement of its own, before another version is set: in one, the unique constraint would hold or
    fail by the order of the rows."""
    Generator.objects.filter(name=name, is_current=True).update(is_current=False, updated_at=timezone.now())


def _update(stored: Generator, **values: bool) -> None:
    Generator.objects.filter(pk=stored.pk).update(**values, updated_at=timezone.now())


def _instead_of(before: Generator | None) -> dict[str, str]:
    return {"instead_of": before.public_name} if before else {}


def _log(event: str, generator: Generator) -> None:
    log.info(event, generator=generator.public_name)
