"""Asking a backend whether it is there, from code that has no event loop."""

from __future__ import annotations

import asyncio

from llmbackends.base import CheckReport
from llmbackends.errors import BackendTimeout
from llmbackends.spec import BackendSpec

from .building import build

CHECK_TIMEOUT_S = 15.0


def check(spec: BackendSpec) -> CheckReport:
    """Builds the backend on an event loop of its own, checks it and closes it again. Raises BackendError."""
    return asyncio.run(_check(spec, timeout_s=min(spec.timeout_s, CHECK_TIMEOUT_S)))


async def _check(spec: BackendSpec, *, timeout_s: float) -> CheckReport:
    backend = build(spec)
    try:
        async with asyncio.timeout(timeout_s):
            return await backend.check()
    except TimeoutError as error:
        raise BackendTimeout(f"{spec.provider} did not answer the check within {timeout_s:g} s.") from error
    finally:
        await backend.aclose()
