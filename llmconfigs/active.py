"""Which model answers: the active configuration, else the environment; the same in web and workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from django.db import close_old_connections

from llmbackends.base import ChatBackend

from .building import build
from .health import HealthRecord
from .pool import BackendPool
from .reading import CoalescedReader
from .selection import ActiveSpec, Selection


@dataclass(frozen=True)
class ActiveBackend:
    """A lease: valid inside the block of `active_backend()`."""

    active: ActiveSpec
    backend: ChatBackend
    health: HealthRecord = field(default_factory=HealthRecord, repr=False)


def active_spec() -> ActiveSpec:
    """The active row as it is now, else the environment. Raises ConfigurationError if that cannot be used.

    While the database is down, what the last read found stays in use, and an error is logged; the
    environment only if nothing was ever read.
    """
    return _selection.current()


@asynccontextmanager
async def active_backend() -> AsyncIterator[ActiveBackend]:
    """The backend of `active_spec()`, built once for each event loop and version.

    Raises ConfigurationError. A request that is under way when another configuration is activated ends on
    the backend it began with.
    """
    active = await _reader.get()
    lease = _pool.of_running_loop().lease((active.config_id, active.version), active.spec)
    async with lease as pooled:
        yield ActiveBackend(active, pooled.backend, pooled.health)


async def close_backends() -> None:
    """Frees the backends of the running loop; call it once when nothing uses them any more."""
    await _pool.of_running_loop().aclose()


def _read_in_own_thread() -> ActiveSpec:
    close_old_connections()
    try:
        return active_spec()
    finally:
        close_old_connections()


_selection = Selection()
_reader = CoalescedReader(_read_in_own_thread, name="llm-config")
_pool = BackendPool(build)
