"""Celery: carries "look for a job" from the web processes to the workers, and nothing else.

The job's row is the queue. So a message may be lost, late or doubled without harm: it is acknowledged before
it is worked on, and no result is kept. With late acknowledgement, each reset of the broker's connection
would make every running job run again.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from types import FrameType
from typing import Any

import celery
import structlog
from celery.apps.worker import Worker
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from celery.worker import state
from django.conf import settings
from django.db import connections

from generation.running import runner
from webhooks import sender

from .tuning import tune

log = structlog.get_logger(__name__)

_CELERY_EXIT_S = 5.0
_CONNECTION_AGE_S = 300

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = celery.Celery("changeover")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # Without these, a connection that died silently is noticed after minutes or never.
        "socket_connect_timeout": 3,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "visibility_timeout": 3600,
    },
    accept_content=["json"],
    task_serializer="json",
    task_default_queue="changeover",
    task_acks_late=False,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_pool="threads",
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    imports=["generation.tasks"],
)
app.set_default()  # for all threads: the one that publishes is not the one that imports this


@setup_logging.connect  # type: ignore[untyped-decorator]
def _leave_logging_to_django(**_: Any) -> None:
    """A receiver keeps Celery from configuring logs of its own; the runner logs each job already."""
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)


def run_worker(*, concurrency: int) -> int:
    """Runs jobs and sends webhooks in this process until a signal; returns the exit status.

    The runner starts first and does not need the broker: it polls while that is away.
    """
    _keep_connections()
    shutdown = _Shutdown()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shutdown.on_signal)
    runner.start_here(concurrency=concurrency)
    sender.start_here()
    tune()
    # It warns of root because of pickle, which we do not accept, and names an option that we do not have.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    worker = _Worker(
        pool="threads",
        concurrency=concurrency,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    shutdown.complete()
    # A signal that came before they had started did not stop them.
    runner.stop_here(timeout_s=0)
    sender.stop_here(timeout_s=0)
    return worker.exitcode or 0


class _Worker(Worker):  # type: ignore[misc]  # (Celery has no types)
    app = app

    def install_platform_tweaks(self, worker: Any) -> None:
        """Leaves our signal handlers in place: Celery's warm shutdown has no time limit."""


class _Shutdown:
    """The first signal drains the runner, a second one ends the process at once."""

    def __init__(self) -> None:
        self._draining: threading.Thread | None = None

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._draining is not None:
            os.write(
                2, b"Second signal: exit. Other workers take over the running jobs when the leases end.\n"
            )
            os._exit(128 + number)
        state.should_stop = os.EX_OK
        self._begin()

    def complete(self) -> None:
        """Returns when the runner has stopped, also where Celery ended without a signal."""
        self._begin().join()

    def _begin(self) -> threading.Thread:
        if self._draining is None:
            self._draining = threading.Thread(target=self._drain, name="shutdown", daemon=True)
            self._draining.start()
        return self._draining

    def _drain(self) -> None:
        log.info("worker_stopping", finish_within_s=settings.GENERATION_SHUTDOWN_S)
        runner.stop_here(timeout_s=settings.GENERATION_SHUTDOWN_S)
        sender.stop_here()  # the last: jobs have ended until now
        # Celery's threads have returned from the runner now, but a frozen broker could still hold Celery up.
        last_resort = threading.Timer(_CELERY_EXIT_S, _exit_anyway)
        last_resort.daemon = True
        last_resort.start()


def _exit_anyway() -> None:
    log.warning("worker_exit_forced", because="the broker's connection did not close in time")
    os._exit(os.EX_OK)


def _keep_connections() -> None:
    """A worker has few threads that use the database, and all the time: each keeps its connection."""
    for connection in connections.all(initialized_only=True):
        connection.close()
    for database in connections.settings.values():
        database["CONN_MAX_AGE"] = _CONNECTION_AGE_S
        database["OPTIONS"].pop("pool", None)
