"""Keeping jobs from a model that is not there: after some failures in a row they wait in the queue.

A breaker belongs to one version of a configuration, or to what the environment says, so another one that is
activated is never held up by it. It is a row that all processes share. While it is open, one job at a time
may try: who may is settled by a conditional update. A success closes it, a failure keeps it open for longer.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Now

from llmbackends.spec import BackendSpec
from llmconfigs.selection import ActiveSpec

from .. import sql
from ..models import Breaker

log = structlog.get_logger(__name__)

_LONGEST_PROBE_S = 60.0
_LONGEST_RETRY_AFTER_S = 600.0
_OLD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """As it was read; `probe_at` by time.monotonic(), None where the breaker is closed or being tried."""

    is_open: bool
    probe_at: float | None


def backend_of(active: ActiveSpec) -> str:
    if active.config_id is None:
        return f"environment@{_digest(active.spec)}"
    return f"config:{active.config_id}@{active.version}"


def read() -> dict[str, BreakerState]:
    """Those of the backends that have failed last, by backend."""
    failing = Breaker.objects.filter(failures__gt=0).annotate(now=Now())
    return {breaker.backend: _state(breaker, breaker.now) for breaker in failing}


def open_breakers() -> QuerySet[Breaker]:
    """For staff: what jobs are kept from at the moment."""
    return Breaker.objects.filter(opened_at__isnull=False)


def note_failure(backend: str, *, name: str, reason: str, retry_after_s: float, was_probe: bool) -> None:
    """One more in a row; opens the breaker if they are enough, and after a probe keeps it open for longer."""
    Breaker.objects.bulk_create([Breaker(backend=backend, name=name)], ignore_conflicts=True)
    breaker = Breaker.objects.filter(backend=backend)
    breaker.update(failures=F("failures") + 1, reason=reason, failed_at=Now())
    if was_probe:
        probes = breaker.values_list("probes", flat=True).get() + 1
        wait = sql.after(_wait_s(probes, retry_after_s))
        breaker.filter(opened_at__isnull=False).update(probes=probes, probe_at=wait, probe_until=None)
        return
    enough = breaker.filter(failures__gte=settings.GENERATION_BREAKER_FAILURES, opened_at__isnull=True)
    if enough.update(opened_at=Now(), probe_at=sql.after(_wait_s(0, retry_after_s)), probes=0):
        log.error("breaker_opened", backend=backend, config=name, because=reason)


def note_success(backend: str) -> bool:
    """It is there again, whoever found out. True if that closed its breaker."""
    well: dict[str, Any] = {
        "failures": 0,
        "probes": 0,
        "opened_at": None,
        "probe_at": None,
        "probe_until": None,
    }
    breaker = Breaker.objects.filter(backend=backend)
    if breaker.filter(opened_at__isnull=False).update(**well):
        log.warning("breaker_closed", backend=backend)
        return True
    breaker.update(**well)
    return False


def begin_probe(backend: str, *, hold_s: float) -> bool:
    """Whether the caller may try it with one job now; for so long nobody else may."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=Now())
    due = Breaker.objects.filter(free, backend=backend, opened_at__isnull=False, probe_at__lte=Now())
    return bool(due.update(probe_until=sql.after(hold_s)))


def end_probe(backend: str) -> None:
    """Without a finding: there was no job to try it with."""
    Breaker.objects.filter(backend=backend).update(probe_until=None)


def forget_old() -> None:
    """Those of versions that nobody has used for long."""
    Breaker.objects.filter(failed_at__lte=Now() - Value(_OLD)).delete()


def _state(breaker: Breaker, now: object) -> BreakerState:
    is_tried = breaker.probe_until is not None and breaker.probe_until > now  # type: ignore[operator]
    if breaker.opened_at is None or breaker.probe_at is None:
        return BreakerState(is_open=False, probe_at=None)
    remaining_s = (breaker.probe_at - now).total_seconds()  # type: ignore[operator]
    return BreakerState(is_open=True, probe_at=None if is_tried else time.monotonic() + remaining_s)


def _wait_s(probes: int, retry_after_s: float) -> float:
    first_s = float(settings.GENERATION_BREAKER_PROBE_S)
    doubled = float(first_s * 2 ** min(probes, 10))
    longest = max(_LONGEST_PROBE_S, first_s)
    return max(min(doubled, longest), min(retry_after_s, _LONGEST_RETRY_AFTER_S))


def _digest(spec: BackendSpec) -> str:
    """Of all that it says but its keys, which it does not show."""
    global _last
    if _last is None or _last[0] is not spec:
        _last = spec, hashlib.sha256(repr(spec).encode()).hexdigest()[:16]
    return _last[1]


_last: tuple[BackendSpec, str] | None = None
