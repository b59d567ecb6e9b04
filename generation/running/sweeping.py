"""What one worker at a time does for all of them: lapsed leases, deadlines, retention, and small chores.

A chore of a package below is a function that does a bounded piece of it; one of a package above has a lease
of its own.
"""

from __future__ import annotations

from django.conf import settings

from accounts import sessions

from .. import retention
from ..queue import breakers, lapses
from . import leases

NAME = "sweeper"
_LONGEST_PERIOD_S = 5.0
_MOST_BATCHES = 20
_CHORES = (breakers.forget_old, sessions.forget_expired)


def period_s() -> float:
    """How often each worker should come."""
    return min(_LONGEST_PERIOD_S, float(settings.GENERATION_LEASE_S) / 3)


def sweep(owner: str) -> int:
    """How many jobs were taken back or ended; 0 too if another worker holds the lease."""
    fence = leases.hold(NAME, owner, lease_s=3 * period_s())
    if fence is None:
        return 0
    ended = lapses.reap()
    for chore in _CHORES:
        chore()
    for _ in range(_MOST_BATCHES):
        if not (leases.is_held(NAME, owner, fence) and retention.expire()):
            break
    return ended


def release(owner: str) -> None:
    """For a worker that stops."""
    leases.release(NAME, owner)
