"""Built backends, kept while they are current and closed after the last user of an old one has left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
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

    def lease(self, version: Hashable, spec: BackendSpec) -> Lease:
        """The backend of this version, built if it is not the current one, for the time of the block."""
        return Lease(self, version, spec)

    def enter(self, version: Hashable, spec: BackendSpec) -> PooledBackend:
        entry = self._current
        if entry is None or (entry.version, entry.spec) != (version, spec):
            entry = PooledBackend(version, spec, self._build(spec))
            self._replace(entry)
        entry.users += 1
        return entry

    def leave(self, entry: PooledBackend) -> None:
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


class Lease:
    """Spelled out, since every request enters one: as a generator it would cost as much as a key's check."""

    __slots__ = ("_entry", "_pool", "_spec", "_version")

    def __init__(self, pool: LoopPool, version: Hashable, spec: BackendSpec) -> None:
        self._pool = pool
        self._version = version
        self._spec = spec

    async def __aenter__(self) -> PooledBackend:
        self._entry = self._pool.enter(self._version, self._spec)
        return self._entry

    async def __aexit__(self, *_: object) -> None:
        self._pool.leave(self._entry)


class BackendPool:
    """A LoopPool for each event loop: a backend belongs to the loop it was first used on."""

    def __init__(self, build: Callable[[BackendSpec], ChatBackend]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, LoopPool] = {}

    def of_running_loop(self) -> LoopPool:
        loop = asyncio.get_running_loop()
        if (pool := self._loops.get(loop)) is not None:
            return pool
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
