"""Each process says every few seconds what it runs: `manage.py llm processes` and the admin show it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import Error, close_old_connections
from django.db.models.functions import Now

from .current import Epochs, current
from .errors import EpochsUnknown
from .models import Process, Role

log = structlog.get_logger(__name__)

GONE_AFTER_S = 60.0
_STOP_PATIENCE_S = 5.0
_CHANGING = ["configs_epoch", "keys_epoch", "seen_at"]


class ProcessReporter:
    """A small thread. Before each report it makes its process follow the epochs as a request would, so one
    that gets no requests follows too, and what it reports is what it runs.

    follow: makes the process ready for these epochs; it is awaited on an event loop of the reporter's own.
    """

    def __init__(self, role: Role, *, follow: Callable[[Epochs], Awaitable[None]]) -> None:
        self._id = uuid.uuid4()
        self._role = role
        self._follow = follow
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="process-reporter", daemon=True)

    def start(self) -> None:
        """No-op if settings.PROCESS_REPORT_INTERVAL_S is 0."""
        if settings.PROCESS_REPORT_INTERVAL_S > 0:
            self._thread.start()

    def stop(self) -> None:
        """Takes the report back. Returns in seconds, also when the database is down."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_PATIENCE_S)

    def _main(self) -> None:
        with asyncio.Runner() as loop:
            while True:
                self._try(lambda: self._report(loop.run(self._converge())))
                if self._stopping.wait(settings.PROCESS_REPORT_INTERVAL_S):
                    break
        self._try(self._withdraw)

    async def _converge(self) -> Epochs:
        epochs = await current()
        await self._follow(epochs)
        return epochs

    def _report(self, epochs: Epochs) -> None:
        if epochs.is_stale:
            return
        row = Process(
            id=self._id,
            role=self._role,
            host=socket.gethostname()[:255],
            pid=os.getpid(),
            version=settings.VERSION,
            configs_epoch=epochs.configs,
            keys_epoch=epochs.keys,
            started_at=Now(),  # the database's clock, since the processes' own may differ
            seen_at=Now(),
        )
        Process.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["id"], update_fields=_CHANGING
        )
        Process.objects.filter(seen_at__lt=Now() - timedelta(seconds=GONE_AFTER_S)).delete()

    def _withdraw(self) -> None:
        Process.objects.filter(id=self._id).delete()

    def _try(self, step: Callable[[], None]) -> None:
        close_old_connections()
        try:
            step()
        except (Error, EpochsUnknown) as error:
            log.warning("process_not_reported", role=self._role, error=str(error))
        except Exception:
            log.exception("process_report_failed", role=self._role)
        finally:
            close_old_connections()
