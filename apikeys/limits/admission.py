"""Letting a request in: first a slot, then its place in the minute.

In this order, and with the slot given back on the way, a request refused for the one costs nothing of the
other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary

from django.conf import settings

from ..errors import TooManyAtOnce, TooManyPerMinute
from ..models import ApiKey
from .failover import Failover
from .shared import FAILURES, SharedStore
from .stores import LocalStore, Store

# When a slot will be free nobody knows.
SLOT_RETRY_AFTER_S = 1.0


class Admission:
    """A request that was let in; released when it is over, however it ended. Releasing twice is safe."""

    def __init__(self, headers: Mapping[str, str], slot: _Slot | None = None) -> None:
        self.headers = headers
        self._slot = slot

    async def release(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            await slot.give_back()

    async def __aenter__(self) -> Admission:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


NO_LIMIT: Final = Admission(MappingProxyType({}))


def is_limited(key: ApiKey) -> bool:
    """Whether `admit` has anything to do for this key."""
    return bool(_per_minute(key) or _at_once(key))


async def admit(key: ApiKey) -> Admission:
    """Raises RateLimited. Release what it returns: `async with await admit(key) as admission`."""
    if not is_limited(key):
        return NO_LIMIT
    request = _Request(key.prefix, _per_minute(key), _at_once(key))
    return await _counter().use(request.admitted_by)


async def admit_as(owner: str) -> Admission:
    """As `admit`, for who comes without a key, such as "user 7": with the numbers of the settings."""
    request = _Request(owner, settings.API_REQUESTS_PER_MINUTE, settings.API_CONCURRENT_REQUESTS)
    if not (request.per_minute or request.at_once):
        return NO_LIMIT
    return await _counter().use(request.admitted_by)


async def close() -> None:
    """Gives back what the limits hold on this event loop: connections to Redis."""
    if counter := _counters.pop(asyncio.get_running_loop(), None):
        await counter.aclose()


def _per_minute(key: ApiKey) -> int:
    own = key.requests_per_minute
    return settings.API_REQUESTS_PER_MINUTE if own is None else own


def _at_once(key: ApiKey) -> int:
    own = key.concurrent_requests
    return settings.API_CONCURRENT_REQUESTS if own is None else own


@dataclass(frozen=True, slots=True)
class _Slot:
    store: Store
    owner: str
    name: str

    async def give_back(self) -> None:
        # Where Redis is away, which the next request says, the slot frees itself after its lease.
        with contextlib.suppress(*FAILURES):
            await self.store.give_back(self.owner, self.name)


@dataclass(frozen=True, slots=True)
class _Request:
    owner: str
    per_minute: int
    at_once: int

    async def admitted_by(self, store: Store) -> Admission:
        slot = await self._slot(store) if self.at_once else None
        if not self.per_minute:
            return Admission({}, slot)
        try:
            counted, window = await store.count(self.owner, self.per_minute)
            if not counted:
                raise TooManyPerMinute(
                    f"The API key may send {_requests(self.per_minute)} per minute. "
                    "Wait as long as Retry-After says.",
                    limit=self.per_minute,
                    reset_s=window.reset_s,
                    retry_after_s=window.retry_after_s,
                    headers=window.headers(),
                )
        except BaseException:
            if slot is not None:
                await slot.give_back()
            raise
        return Admission(window.headers(), slot)

    async def _slot(self, store: Store) -> _Slot:
        name = await store.take_slot(self.owner, self.at_once)
        if name is None:
            raise TooManyAtOnce(
                f"The API key may have {_requests(self.at_once)} running at the same time. "
                "Wait until one has finished.",
                limit=self.at_once,
                reset_s=SLOT_RETRY_AFTER_S,
                retry_after_s=SLOT_RETRY_AFTER_S,
            )
        return _Slot(store, self.owner, name)


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"


class _LocalOnly:
    """What counts without REDIS_URL."""

    async def use(self, work: Callable[[Store], Awaitable[Admission]]) -> Admission:
        return await work(_local)

    async def aclose(self) -> None:
        pass


_local = LocalStore()
_counters: WeakKeyDictionary[asyncio.AbstractEventLoop, Failover | _LocalOnly] = WeakKeyDictionary()


def _counter() -> Failover | _LocalOnly:
    """That of the running event loop, since connections to Redis belong to one."""
    loop = asyncio.get_running_loop()
    counter = _counters.get(loop)
    if counter is None:
        url = settings.REDIS_URL
        counter = _counters[loop] = Failover(SharedStore(url), _local) if url else _LocalOnly()
    return counter
