"""Redis where it answers, this process where it does not: a limit is never a reason to refuse everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from .shared import FAILURES, TIMEOUT_S, SharedStore
from .stores import LocalStore, Store

T = TypeVar("T")
log = structlog.get_logger(__name__)

PAUSE_S = 1.0
REMINDER_S = 60.0


class Failover:
    """Which store counts. After a failure Redis is left alone for PAUSE_S, then one request tries it."""

    def __init__(
        self, shared: SharedStore, local: LocalStore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._local = local
        self._clock = clock
        self._away_since: float | None = None
        self._next_try_at = 0.0
        self._next_reminder_at = 0.0

    async def use(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """The result of `work` with one store or the other; of an answer from Redis also its exceptions."""
        if self._is_worth_a_try():
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    result = await work(self._shared)
            except FAILURES as error:
                self._note_failure(error)
            else:
                self._note_success()
                return result
        return await work(self._local)

    async def aclose(self) -> None:
        await self._shared.aclose()

    def _is_worth_a_try(self) -> bool:
        if self._away_since is None:
            return True
        now = self._clock()
        if now < self._next_try_at:
            return False
        self._next_try_at = now + PAUSE_S  # for the others, while this one tries
        return True

    def _note_failure(self, error: BaseException) -> None:
        now = self._clock()
        self._next_try_at = now + PAUSE_S
        if self._away_since is None:
            self._away_since = now
        elif now < self._next_reminder_at:
            return
        self._next_reminder_at = now + REMINDER_S
        log.error(
            "redis_unusable",
            so="each process applies the limits of the API keys for itself",
            error=str(error) or type(error).__name__,
            away_s=round(now - self._away_since, 1),
        )

    def _note_success(self) -> None:
        if self._away_since is not None:
            away_s = round(self._clock() - self._away_since, 1)
            log.warning("redis_usable_again", away_s=away_s)
            self._away_since = None
