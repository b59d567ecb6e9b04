"""A version's number belongs to it for ever, also if the draft is deleted: the trail names it."""

from __future__ import annotations

from django.db.models import Max

from .desk_errors import TooManyVersions
from .models import LAST_VERSION, Generator, GivenNumber


def next_version(name: str) -> int:
    """In the transaction that stores the draft. Raises TooManyVersions."""
    given = GivenNumber.objects.filter(name=name).values_list("version", flat=True).first()
    stored = Generator.objects.filter(name=name).aggregate(last=Max("version"))["last"]
    version: int = max(given or 0, stored or 0) + 1
    if version > LAST_VERSION:
        raise TooManyVersions(name)
    GivenNumber.objects.update_or_create(name=name, defaults={"version": version})
    return version
