"""Work that a process takes for itself in the database, also where it was not told that it has it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, ParamSpec, TypeVar

from epochs.outages import DATABASE_DOWN

from .database_threads import DatabaseThreads

P = ParamSpec("P")
C = TypeVar("C")


class Claiming(Generic[C]):
    """A commit whose confirmation was lost may have claimed something: else that waited for its lease to end,
    as if its process had died."""

    def __init__(self, database: DatabaseThreads) -> None:
        self._database = database
        self._may_hold_more = False

    async def claim(self, claim: Callable[P, list[C]], /, *args: P.args, **kwargs: P.kwargs) -> list[C]:
        try:
            return await self._database.run(claim, *args, **kwargs)
        except DATABASE_DOWN:
            self._may_hold_more = True
            raise

    async def unconfirmed(
        self, held_by: Callable[[str], list[C]], owner: str, begun: Collection[C]
    ) -> list[C]:
        """What is held and was never begun; nothing is read where every claim was confirmed. To be begun
        before the next `await`."""
        if not self._may_hold_more:
            return []
        known = set(begun)  # before it is read: one that ends meanwhile may still be in what is read
        held = await self._database.run(held_by, owner)
        self._may_hold_more = False
        return [claim for claim in held if claim not in known]
