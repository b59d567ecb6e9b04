"""Is the backend there? Asked before a job is begun, not more often than needed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from llmbackends.base import ChatBackend, CheckReport
from llmbackends.errors import BackendError

from . import health_notes
from .health_notes import Health

if TYPE_CHECKING:
    from .active import ActiveBackend


@dataclass(eq=False)
class HealthRecord:
    """What is known of one backend; used on its event loop alone."""

    healthy_at: float | None = None
    check: asyncio.Task[CheckReport] | None = None


async def ensure_healthy(lease: ActiveBackend) -> None:
    """Returns if a check succeeded within settings.LLM_HEALTH_CHECK_TTL_S, else makes one.

    Raises the BackendError of a check that fails. Callers at the same time share one check, which goes on
    when one of them is cancelled.
    """
    record = lease.health
    if _is_fresh(record):
        return
    if record.check is None:
        record.check = asyncio.create_task(_checked(lease.backend, record, lease.active.config_id))
    # Should all who wait be cancelled and the check fail then, nobody is left to be told.
    record.check.add_done_callback(_count_as_read)
    await asyncio.shield(record.check)


def _is_fresh(record: HealthRecord) -> bool:
    age_s = float("inf") if record.healthy_at is None else time.monotonic() - record.healthy_at
    return age_s < float(settings.LLM_HEALTH_CHECK_TTL_S)


async def _checked(backend: ChatBackend, record: HealthRecord, config_id: int | None) -> CheckReport:
    try:
        report = await backend.check()
        record.healthy_at = time.monotonic()
        health_notes.note_later(Health(config_id, True, report.detail, report.took_s))
        return report
    except BackendError as error:
        health_notes.note_later(Health(config_id, False, error.message))
        raise
    finally:
        record.check = None


def _count_as_read(check: asyncio.Task[Any]) -> None:
    if not check.cancelled():
        check.exception()
