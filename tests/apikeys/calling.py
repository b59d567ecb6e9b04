"""A request that shows a key, as far as this package has to do with it."""

from __future__ import annotations

from collections.abc import Mapping

from apikeys.authentication import authenticate
from apikeys.models import ApiKey
from epochs.current import current
from tests.asyncio_support import run_async


def call_with(headers: Mapping[str, str]) -> ApiKey:
    """The key that is let in. Needs a test whose rows are committed: they are read by other threads."""

    async def call() -> ApiKey:
        return await authenticate(headers, await current())

    return run_async(call())
