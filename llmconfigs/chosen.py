"""A stored configuration that staff try beside the active one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .active import ActiveBackend
from .building import build
from .models import LLMConfig
from .selection import ActiveSpec
from .specs import spec_from_config


def chosen_spec(config_id: int) -> ActiveSpec:
    """The row as it is now. Raises LLMConfig.DoesNotExist, and ConfigurationError if it cannot be read."""
    row = LLMConfig.objects.get(pk=config_id)
    return ActiveSpec(spec_from_config(row), row.pk, row.name, row.version, "config")


@asynccontextmanager
async def chosen_backend(chosen: ActiveSpec) -> AsyncIterator[ActiveBackend]:
    """Its backend, built for this block under the same policy and validation as the active one's, and closed
    after it. Entering raises ConfigurationError."""
    backend = build(chosen.spec)
    try:
        yield ActiveBackend(chosen, backend)
    finally:
        await backend.aclose()
