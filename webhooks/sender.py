"""What sends messages in a process: an event loop in a thread of its own, beside the one that runs jobs.

It looks for messages that are due every second and when jobs have ended here, and sends many at a time, but
only a few to one endpoint, so that one that is slow holds nobody up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from functools import partial
from uuid import UUID

import structlog

from background.claiming import Claiming
from background.database_threads import DatabaseThreads, insist
from background.looping import STOP_MARGIN_S, LoopThread, forever, spread
from epochs.outages import DATABASE_DOWN
from generation.running import ended

from . import claims, endings, sweeping
from .calling import Caller
from .claims import Claim
from .endings import Result

log = structlog.get_logger(__name__)

CONCURRENCY = 64
STOP_S = 3.0
_DATABASE_THREADS = 2
_POLL_INTERVAL_S = 1.0
_GATHER_S = 0.1
_BETWEEN_LOOKS_S = 0.02


class WebhookSender(LoopThread):
    _database: DatabaseThreads
    _due: Claiming[Claim]
    _caller: Caller

    def __init__(self) -> None:
        # As many as there are calls: a name whose look-up hangs must not keep others waiting.
        super().__init__(name="webhook-sender", helpers=CONCURRENCY)
        self._busy: Counter[UUID] = Counter()
        self._claiming: set[asyncio.Task[None]] = set()
        self._works: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[Result]] = set()
        self._waking: asyncio.TimerHandle | None = None
        self._sending: set[Claim] = set()

    async def _live(self) -> None:
        self._database = DatabaseThreads(count=_DATABASE_THREADS, name="webhook-sender")
        self._due = Claiming(self._database)
        self._caller = Caller(most=CONCURRENCY)
        self._has_started.set()
        log.info("webhook_sender_started", owner=self.owner)
        polling = asyncio.create_task(forever(self._poll, name="webhooks"))
        sweeping_ = asyncio.create_task(forever(self._sweep, name="webhooks-sweep"))
        await self._stop.wait()
        for task in (polling, sweeping_):
            task.cancel()
        await asyncio.wait({polling, sweeping_})
        await _wait_for(self._claiming, STOP_MARGIN_S / 4)
        await self._drain()
        with contextlib.suppress(*DATABASE_DOWN):
            await self._database.run(sweeping.release, self.owner)
        await self._caller.aclose()
        self._database.stop(timeout_s=STOP_MARGIN_S / 2)  # the helpers may all hang in a look-up
        log.info("webhook_sender_stopped", owner=self.owner)

    def _on_wake(self) -> None:
        """Soon, and once for all jobs that end within a moment: most have nobody to tell."""
        if self._waking is None:
            self._waking = self._loop.call_later(_GATHER_S, self._look)

    def _look(self) -> None:
        self._waking = None
        self._nudge.set()

    async def _poll(self) -> None:
        self._nudge.clear()
        claiming = asyncio.create_task(self._start_due())
        self._claiming.add(claiming)
        claiming.add_done_callback(self._claiming.discard)
        await asyncio.shield(claiming)  # what is claimed by now is begun, also when this is cancelled
        await asyncio.sleep(_BETWEEN_LOOKS_S)
        await self._wait_for_nudge(spread(_POLL_INTERVAL_S))

    async def _start_due(self) -> None:
        for claim in await self._due.unconfirmed(claims.held_by, self.owner, self._sending):
            log.warning("webhook_claimed_unconfirmed", message=claim.message_id, attempt=claim.attempt)
            self._start_delivery(claim)
        room = CONCURRENCY - self._busy.total()
        if room > 0:
            for claim in await self._due.claim(claims.claim_due, self.owner, room, dict(self._busy)):
                self._start_delivery(claim)

    def _start_delivery(self, claim: Claim) -> None:
        self._busy[claim.endpoint_id] += 1
        self._sending.add(claim)
        work = asyncio.create_task(self._deliver(claim))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    async def _deliver(self, claim: Claim) -> None:
        call = asyncio.create_task(self._caller.send(claim))
        self._calls.add(call)
        try:
            await asyncio.wait({call})
            self._calls.discard(call)
            result = endings.stopped() if call.cancelled() else call.result()
            await insist(
                partial(self._database.run, endings.store, claim, result),
                event="webhook_result_waits_for_database",
                message=claim.message_id,
            )
        except Exception:
            log.exception("webhook_result_not_stored", message=claim.message_id, attempt=claim.attempt)
        finally:
            self._busy[claim.endpoint_id] -= 1
            self._sending.discard(claim)
            self._busy += Counter()  # forgets those that are at nought
            self._nudge.set()

    async def _sweep(self) -> None:
        await self._database.run(sweeping.sweep, self.owner)
        await asyncio.sleep(spread(sweeping.PERIOD_S))

    async def _drain(self) -> None:
        """What is not answered within the time is given back: it is sent again, by whoever comes first."""
        await _wait_for(self._works, self._drain_s)
        for call in tuple(self._calls):
            call.cancel()
        await _wait_for(self._works, STOP_MARGIN_S / 4)
        if self._works:
            log.error("webhooks_left_to_their_leases", messages=len(self._works))


async def _wait_for(tasks: set[asyncio.Task[None]], timeout_s: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)


_here: WebhookSender | None = None
"""The sender of this process."""


def start_here() -> None:
    """Raises RuntimeError if it cannot start, or if this process has one."""
    global _here
    if _here is not None:
        raise RuntimeError("This process has a webhook sender already.")
    sender = WebhookSender()
    sender.start()
    _here = sender
    ended.listen(wake_here)


def stop_here(*, timeout_s: float = STOP_S) -> None:
    """No-op in a process without a sender."""
    global _here
    sender, _here = _here, None
    if sender is not None:
        ended.forget(wake_here)
        sender.stop(timeout_s=timeout_s)


def wake_here() -> None:
    """No-op in a process without a sender."""
    sender = _here
    if sender is not None:
        sender.wake()
