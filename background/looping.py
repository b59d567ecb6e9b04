"""An event loop in a thread of its own, that looks for work at an interval and when it is woken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from epochs.outages import DATABASE_DOWN

log = structlog.get_logger(__name__)

STOP_MARGIN_S = 10.0
_LONGEST_PAUSE_S = 5.0


class _Helpers(ThreadPoolExecutor):
    """Threads in which a loop looks names up, among other things. Who needs what a call returns awaits it, so
    the loop ends without those that hang: a name server that is silent may keep one for a minute."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


class LoopThread:
    """Starts once and stops once. All methods but those with an underscore may be called from any thread.

    `owner` names it in the leases that it takes. `helpers`: how many names may be looked up at the same time.
    """

    _loop: asyncio.AbstractEventLoop
    _nudge: asyncio.Event
    _stop: asyncio.Event

    def __init__(self, *, name: str, helpers: int | None = None) -> None:
        self.owner = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._name = name
        self._helpers = helpers
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._has_started = threading.Event()
        self._drain_s = 0.0
        self._death: BaseException | None = None

    def start(self) -> None:
        """Raises RuntimeError if it cannot start."""
        self._thread.start()
        self._has_started.wait()
        if self._death is not None:
            raise RuntimeError(f"The {self._name} did not start.") from self._death

    def wake(self) -> None:
        """Look for work now. No-op while stopped."""
        if self._has_started.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._on_wake)

    def stop(self, *, timeout_s: float) -> None:
        """Begins nothing more, lets what runs end within the time, and gives the rest back.

        Blocks for little longer than `timeout_s`, also when the database is down.
        """
        self._drain_s = timeout_s
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout_s + STOP_MARGIN_S)
        if self._thread.is_alive():
            log.error("runner_stuck", runner=self._name, owner=self.owner)

    async def _live(self) -> None:
        """From the start, which it confirms by `_has_started`, until `_stop`, and the draining after it."""
        raise NotImplementedError

    def _on_wake(self) -> None:
        self._nudge.set()

    def _main(self) -> None:
        try:
            asyncio.run(self._begin())
        except BaseException as error:
            self._death = error
            log.critical("runner_died", runner=self._name, owner=self.owner, exc_info=True)
        finally:
            self._has_started.set()

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(_Helpers(self._helpers, thread_name_prefix=f"{self._name}-helper"))
        self._nudge, self._stop = asyncio.Event(), asyncio.Event()
        await self._live()

    async def _wait_for_nudge(self, interval_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
            async with asyncio.timeout(interval_s):
                await self._nudge.wait()


def spread(interval_s: float) -> float:
    """About so many seconds, so that not all processes come at once."""
    return interval_s * random.uniform(0.8, 1.2)  # noqa: S311


async def forever(step: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Nothing ends it but being cancelled: a failing step is logged, and tried again after a pause.

    So is one that was cancelled from inside, as by a future that it shares with somebody who was cancelled.
    """
    failures = 0
    while True:
        try:
            await step()
            failures = 0
            continue
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.exception("runner_step_failed", step=name)
        except DATABASE_DOWN as error:
            log.error("runner_waits_for_database", step=name, error=str(error))
        except Exception:
            log.exception("runner_step_failed", step=name)
        failures += 1
        await asyncio.sleep(min(_LONGEST_PAUSE_S, 0.25 * 2 ** min(failures, 8)))
