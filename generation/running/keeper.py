"""What a runner does beside the jobs, about once a second: leases, cancellations, progress, breakers."""

from __future__ import annotations

import time

from django.conf import settings

from background.database_threads import DatabaseThreads

from ..queue import claims
from ..queue.claims import Claim
from ..queue.outcomes import NOTHING_YET, Progress
from .gate import Gate
from .slots import Interruption, Slots


class Keeper:
    """`tick()` is called about once a second."""

    def __init__(self, database: DatabaseThreads, slots: Slots, gate: Gate) -> None:
        self._database = database
        self._slots = slots
        self._gate = gate
        self._stored: dict[Claim, Progress] = {}
        self._extend_at = 0.0

    async def tick(self) -> bool:
        """True if there may be jobs in the queue that were not there before."""
        running = self._slots.progress()
        if running:
            await self._extend(tuple(running))
            await self._interrupt(tuple(running))
        await self._save_progress(running)
        return await self._gate.refresh()

    async def _extend(self, running: tuple[Claim, ...]) -> None:
        if time.monotonic() >= self._extend_at:
            await self._database.run(claims.extend, running)
            self._extend_at = time.monotonic() + settings.GENERATION_LEASE_S / 3

    async def _interrupt(self, running: tuple[Claim, ...]) -> None:
        signals = await self._database.run(claims.signals, running)
        for claim in signals.lost:
            self._slots.interrupt(claim, Interruption.LEASE_LOST)
        for claim in signals.cancelled:
            self._slots.interrupt(claim, Interruption.CANCELLED)

    async def _save_progress(self, running: dict[Claim, Progress]) -> None:
        further = {
            claim: progress
            for claim, progress in running.items()
            if progress != self._stored.get(claim, NOTHING_YET)
        }
        if further:
            await self._database.run(claims.save_progress, further)
        self._stored = running
