"""Keys with limits, and other processes that use them."""

from __future__ import annotations

import subprocess
import sys

from apikeys.models import ApiKey

# Takes slots of the key co_test as another process would, says how many it got, and waits to be killed.
_HOLDER = """
import asyncio, sys
import django
django.setup()
from apikeys.limits.shared import SharedStore

async def hold(url, limit, lease_s):
    store = SharedStore(url, lease_s=lease_s)
    slots = [await store.take_slot("co_test", limit) for _ in range(limit)]
    print(len([slot for slot in slots if slot]), flush=True)
    await asyncio.sleep(60)

asyncio.run(hold(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
"""


def key(*, per_minute: int | None = None, at_once: int | None = None, prefix: str = "co_test") -> ApiKey:
    """Not saved: the limits read it only."""
    return ApiKey(name="robot", prefix=prefix, requests_per_minute=per_minute, concurrent_requests=at_once)


def slot_holder(url: str, *, slots: int, lease_s: float) -> subprocess.Popen[str]:
    """A process that holds as many slots of co_test, and has them when this returns."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, url, str(slots), str(lease_s)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == f"{slots}\n"
    return holder


class Clock:
    """In place of the library's `time`."""

    now = 6000.0

    def time(self) -> float:
        return self.now
