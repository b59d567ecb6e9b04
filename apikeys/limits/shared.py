"""The counts of all processes, in Redis or Valkey."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from typing import Any

import redis.asyncio
import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .window import MINUTE_S, Window

log = structlog.get_logger(__name__)

PREFIX = "changeover:limits"
# A process that dies gives its slots back after so many seconds.
LEASE_S = 30.0
# A Redis on the same network answers within a millisecond; no request waits longer for one that does not.
TIMEOUT_S = 0.25
# What a Redis that is away, frozen, full or refusing raises.
FAILURES = (RedisError, OSError, TimeoutError)

# The times are Redis's own: the clocks of the processes' hosts may differ.
_NOW = "local time = redis.call('TIME') local now = time[1] + time[2] / 1e6 "

_TAKE = f"""{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 1000)
return 1
"""

# XX: a slot that was given back meanwhile does not come back.
_RENEW = f"""{_NOW}
for slot = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[slot]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1] * 1000)
"""


class SharedStore:
    """Belongs to the event loop it is first used on and is closed there.

    Minutes are the library's sliding window counter: two numbers a key, however high its limit, and Redis's
    own clock. (Its moving window keeps a time stamp for each request, by the clocks of the processes.) A slot
    is a lease in a sorted set, renewed while the request runs.
    """

    def __init__(self, url: str, *, lease_s: float = LEASE_S) -> None:
        self._client = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # else it would wait for seconds between tries
        )
        options: Any = {"connection_pool": self._client.connection_pool}
        self._windows = RedisStorage("async+redis://", implementation="redispy", key_prefix=PREFIX, **options)
        self._take = self._client.register_script(_TAKE)
        self._renew = self._client.register_script(_RENEW)
        self._lease_s = lease_s
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        self._renewing: asyncio.Task[None] | None = None

    async def take_slot(self, owner: str, limit: int) -> str | None:
        slot = uuid.uuid4().hex
        if not await self._take(keys=[_slots(owner)], args=[limit, slot, self._lease_s]):
            return None
        self._held[owner].add(slot)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._keep_renewing())
        return slot

    async def give_back(self, owner: str, slot: str) -> None:
        self._held[owner].discard(slot)
        if not self._held[owner]:
            del self._held[owner]
        await self._client.zrem(_slots(owner), slot)

    async def count(self, owner: str, limit: int) -> tuple[bool, Window]:
        name = RateLimitItemPerMinute(limit).key_for(owner)
        counted = await self._windows.acquire_sliding_window_entry(name, limit, MINUTE_S)
        return counted, Window(limit, *await self._windows.get_sliding_window(name, MINUTE_S))

    async def aclose(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._client.aclose(close_connection_pool=True)

    async def _keep_renewing(self) -> None:
        """Ends when no slot is held; a failure costs at most slots that free themselves too early."""
        while self._held:
            await asyncio.sleep(self._lease_s / 3)
            for owner, slots in [(owner, tuple(slots)) for owner, slots in self._held.items()]:
                try:
                    await self._renew(keys=[_slots(owner)], args=[self._lease_s, *slots])
                except FAILURES as error:
                    log.warning("api_key_slots_not_renewed", error=str(error))
                    break


def _slots(owner: str) -> str:
    return f"{PREFIX}:slots:{owner}"
