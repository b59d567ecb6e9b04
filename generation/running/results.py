"""Results on their way into the database: all that wait at one moment are stored in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from background.database_threads import DatabaseThreads
from epochs.outages import DATABASE_DOWN

from ..queue import endings
from ..queue.claims import Claim
from ..queue.outcomes import Outcome
from . import ended

_Waiting = dict[Claim, tuple[Outcome, asyncio.Future[bool]]]


class ResultStore:
    """Lives on the runner's loop. A result that comes alone is written at once; those that come while a
    transaction is under way go together into the next."""

    def __init__(self, database: DatabaseThreads) -> None:
        self._database = database
        self._waiting: _Waiting = {}
        self._writing: asyncio.Task[None] | None = None

    async def store(self, claim: Claim, outcome: Outcome) -> bool:
        """As endings.finish; raises what the database does with this result."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[claim] = outcome, stored
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await stored

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, {}
                await self._write(batch)
        finally:
            self._writing = None

    async def _write(self, batch: _Waiting) -> None:
        try:
            stored = await self._database.run(endings.finish_all, _outcomes(batch))
        except Exception as error:
            if len(batch) == 1 or isinstance(error, DATABASE_DOWN):
                _tell(batch, error)
                return
            for claim, waiting in batch.items():  # one of them is at fault, and must not fail the others
                await self._write({claim: waiting})
        else:
            ended.tell()
            for claim, (_, future) in batch.items():
                if not future.done():
                    future.set_result(claim in stored)


def _outcomes(batch: _Waiting) -> Mapping[Claim, Outcome]:
    return {claim: outcome for claim, (outcome, _) in batch.items()}


def _tell(batch: _Waiting, error: Exception) -> None:
    for _, future in batch.values():
        if not future.done():
            future.set_exception(error)
