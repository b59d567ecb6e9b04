"""Who runs, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now

from .models import Epoch, Process
from .reporting import GONE_AFTER_S
from .subjects import Subject


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """`age_s`: since its last report. `has_converged`: it works with the newest configurations and keys."""

    process: Process
    age_s: float
    has_converged: bool


def running_processes() -> list[RunningProcess]:
    newest = dict(Epoch.objects.values_list("subject", "number"))
    age = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    return [
        RunningProcess(process, process.age.total_seconds(), has_converged(process, newest))
        for process in recent_processes().annotate(age=age)
    ]


def recent_processes() -> QuerySet[Process]:
    """Those that reported themselves a moment ago: one that ended without a word is soon gone from here."""
    return Process.objects.filter(seen_at__gte=Now() - timedelta(seconds=GONE_AFTER_S))


def has_converged(process: Process, newest: Mapping[str, int | None]) -> bool:
    """newest: the numbers of the epochs in the database."""
    runs = (process.configs_epoch, process.keys_epoch)
    return runs == (newest.get(Subject.CONFIGS) or 0, newest.get(Subject.KEYS) or 0)
