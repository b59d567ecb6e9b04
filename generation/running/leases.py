"""Work that one process does for all: who holds it until when stands in the database.

The holder renews its lease each time it comes to do the work. Whoever comes when the lease has run out takes
it over, with a new fence; by that the former holder sees that it has lost it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from .. import sql
from ..models import Lease

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def hold(name: str, holder: str, *, lease_s: float) -> int | None:
    """The fence under which `holder` has the lease for so long from now; None: somebody else has it."""
    if not (_renew(name, holder, lease_s) or _take_over(name, holder, lease_s)):
        Lease.objects.bulk_create([Lease(name=name, holder="", expires_at=_LONG_AGO)], ignore_conflicts=True)
        if not _take_over(name, holder, lease_s):
            return None
    return _held(name, holder).values_list("fence", flat=True).first()


def is_held(name: str, holder: str, fence: int) -> bool:
    return _held(name, holder).filter(fence=fence).exists()


def release(name: str, holder: str) -> None:
    """The next who comes has it."""
    _held(name, holder).update(expires_at=_LONG_AGO)


def _renew(name: str, holder: str, lease_s: float) -> int:
    return _held(name, holder).update(expires_at=sql.after(lease_s))


def _take_over(name: str, holder: str, lease_s: float) -> int:
    lapsed = Lease.objects.filter(name=name, expires_at__lte=Now())
    return lapsed.update(holder=holder, fence=F("fence") + 1, expires_at=sql.after(lease_s))


def _held(name: str, holder: str) -> QuerySet[Lease]:
    return Lease.objects.filter(name=name, holder=holder, expires_at__gt=Now())
