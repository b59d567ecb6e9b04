"""Built backends, kept while they are current and closed after the last user of an old one has left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from llmbackends.base import ChatBackend
from llmbackends.spec import BackendSpec

from .health import HealthRecord

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class PooledBackend:
    """`version` tells apart two builds of one spec: a configuration that is saved again is built again."""

    version: Hashable
    spec: BackendSpec
    backend: ChatBackend
    users: int = 0
    health: HealthRecord = field(default_factory=HealthRecord)


class LoopPool:
    """The backends of one event loop; used on that loop alone, so nothing interrupts it between awaits."""

    def __init__(self, build: Callable[[BackendSpec], ChatBackend]) -> None:
        self._build = build
        self._current: PooledBackend | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lease(self, version: Hashable, spec: BackendSpec) -> AsyncIterator[PooledBackend]:
        """The backend of this version, built if it is not the current one, for the time of the block."""
        entry = self._enter(version, spec)
        try:
            yield entry
        finally:
            self._leave(entry)

    def _enter(self, version: Hashable, spec: BackendSpec) -> PooledBackend:
        entry = self._current
        if entry is None or (entry.version, entry.spec) != (version, spec):
            entry = PooledBackend(version, spec, self._build(spec))
            self._replace(entry)
        entry.users += 1
        return entry

    def _leave(self, entry: PooledBackend) -> None:
        entry.users -= 1
        if entry is not self._current and entry.users == 0:
            self._close(entry)

    def _replace(self, entry: PooledBackend | None) -> None:
        former, self._current = self._current, entry
        if former is not None and former.users == 0:
            self._close(former)

    def _close(self, entry: PooledBackend) -> None:
        """In a task of its own: nobody who leaves or enters waits for it, or cancels it half-way."""
        task = asyncio.get_running_loop().create_task(_close_loudly(entry))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Closes what nobody uses and waits for it; the rest closes when its last user leaves."""
        self._replace(None)
        while self._closing:
            await asyncio.wait(self._closing)


class BackendPool:
    """A LoopPool for each event loop: a backend belongs to the loop it was first used on."""

    def __init__(self, build: Callable[[BackendSpec], ChatBackend]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, LoopPool] = {}

    def of_running_loop(self) -> LoopPool:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._loops:
                self._forget_closed_loops()
                self._loops[loop] = LoopPool(self._build)
            return self._loops[loop]

    def _forget_closed_loops(self) -> None:
        self._loops = {loop: pool for loop, pool in self._loops.items() if not loop.is_closed()}


async def _close_loudly(entry: PooledBackend) -> None:
    try:
        await entry.backend.aclose()
    except Exception:
        log.exception("backend_close_failed", provider=entry.spec.provider, model=entry.spec.model)
