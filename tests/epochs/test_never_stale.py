"""Hundreds of changes under load: no request that begins after one has returned may miss it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from apikeys import issuing
from apikeys.authentication import authenticate_secret
from apikeys.errors import RevokedApiKey
from audit.context import SYSTEM
from epochs.current import current
from llmconfigs import activation
from llmconfigs.active import active_backend, close_backends
from llmconfigs.models import LLMConfig
from tests.asyncio_support import run_async
from tests.epochs.support import running_beside

pytestmark = pytest.mark.django_db(transaction=True)

SWITCHES = 200
REVOCATIONS = 150
CALLERS = 6
LOOPS = 2


@dataclass
class Switching:
    """Turn by turn another configuration is activated. `done`: the last turn that has returned; `begun`: the
    last one that has begun, or is about to. `stale`: what a request got that it must not get."""

    configs: list[LLMConfig]
    begun: int = 0
    done: int = 0
    requests: int = 0
    stale: list[str] = field(default_factory=list)

    def switch(self) -> None:
        self.begun += 1
        activation.activate(self.configs[self.begun % len(self.configs)], by=SYSTEM.actor)
        self.done = self.begun

    async def request(self) -> None:
        earliest = self.done
        async with active_backend() as lease:
            name = lease.active.config_name
        allowed = {self.configs[turn % len(self.configs)].name for turn in range(earliest, self.begun + 1)}
        self.requests += 1
        if name not in allowed:
            self.stale.append(f"{name} after turn {earliest}, not of {allowed}")

    def keep_requesting(self, stop: threading.Event) -> None:
        async def requests() -> None:
            while not stop.is_set():
                await self.request()

        async def callers() -> None:
            await asyncio.gather(*(requests() for _ in range(CALLERS)))
            await close_backends()

        asyncio.run(callers())


def test_no_request_misses_an_activation() -> None:
    configs = [LLMConfig.objects.create(name=f"config-{each}", provider="dummy") for each in range(7)]
    activation.activate(configs[0], by=SYSTEM.actor)
    switching = Switching(configs)

    async def one_request() -> None:
        await switching.request()
        await close_backends()

    with running_beside(switching.keep_requesting, threads=LOOPS):
        for _ in range(SWITCHES):
            switching.switch()
            run_async(one_request())

    assert switching.stale == []
    assert switching.requests > 2 * SWITCHES


@dataclass
class Revoking:
    """One key after the other is issued, used and revoked."""

    secret: str = ""
    revoked: frozenset[str] = frozenset()
    let_in: int = 0
    stale: list[str] = field(default_factory=list)

    async def request(self) -> None:
        secret = self.secret
        is_over = secret in self.revoked
        try:
            await authenticate_secret(secret, await current())
        except RevokedApiKey:
            return
        self.let_in += 1
        if is_over:
            self.stale.append(secret)

    def keep_requesting(self, stop: threading.Event) -> None:
        async def requests() -> None:
            while not stop.is_set():
                await self.request()

        async def callers() -> None:
            await asyncio.gather(*(requests() for _ in range(CALLERS)))

        asyncio.run(callers())


def test_no_request_misses_a_revocation() -> None:
    revoking = Revoking(secret=issuing.issue(name="first", scopes=["read"]).secret.reveal())

    with running_beside(revoking.keep_requesting, threads=LOOPS):
        for turn in range(REVOCATIONS):
            issued = issuing.issue(name=f"robot {turn}", scopes=["generate"])
            revoking.secret = issued.secret.reveal()
            run_async(authenticate_secret(revoking.secret, run_async(current())))
            issuing.revoke(issued.key)
            revoking.revoked |= {revoking.secret}
            with pytest.raises(RevokedApiKey):
                run_async(authenticate_secret(revoking.secret, run_async(current())))

    assert revoking.stale == []
    assert revoking.let_in > REVOCATIONS
