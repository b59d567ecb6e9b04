"""What the contract test runs a provider on: one that is well, one that is broken, one that is too slow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from llmbackends.base import ChatBackend
from llmbackends.catalog import Provider
from llmbackends.registry import Registry
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec

from . import faults
from .fault_server import Fault, FaultServer
from .provider_servers import MODEL, SERVICES

GARBAGE = faults.answer(200, b"<html>This is no model.</html>")


@dataclass(frozen=True)
class Condition:
    """`play`: what the service does, where there is one."""

    play: Fault = faults.silence
    options: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 20.0


@dataclass(frozen=True)
class Subject:
    backend: ChatBackend
    spec: BackendSpec
    connections: Callable[[], int]
    """How many connections the service has seen so far."""


@dataclass(frozen=True)
class Stand:
    provider: Provider
    well: Condition
    broken: Condition
    slow: Condition
    key: str = ""

    @asynccontextmanager
    async def subject(
        self, condition: Condition | None = None, provider: Provider | None = None
    ) -> AsyncIterator[Subject]:
        """A backend in this condition (well, unless said), of this row where it is not the catalogue's."""
        used, row = condition or self.well, provider or self.provider
        async with FaultServer(used.play) as server:
            spec = self.spec(used, server.url)
            backend = Registry((row,)).build(spec)
            try:
                yield Subject(backend, spec, lambda: len(server.connections))
            finally:
                await backend.aclose()

    def spec(self, condition: Condition, url: str = "http://127.0.0.1:9") -> BackendSpec:
        return BackendSpec(
            provider=self.provider.id,
            model=MODEL,
            endpoint_url=url if self.provider.endpoint_required else "",
            api_key=Secret(self.key),
            timeout_s=condition.timeout_s,
            max_retries=0,
            options=condition.options,
        )


def http_stand(provider: Provider, request: pytest.FixtureRequest) -> Stand:
    service = SERVICES[provider.id]
    return Stand(
        provider,
        well=Condition(service.play, service.options),
        broken=Condition(GARBAGE, service.options),
        slow=Condition(faults.silence, service.options, timeout_s=0.2),
        key=service.key,
    )


def dummy_stand(provider: Provider, request: pytest.FixtureRequest) -> Stand:
    return Stand(
        provider,
        well=Condition(options={"tokens_per_s": 200}),
        broken=Condition(options={"fail": "bad_answer"}),
        slow=Condition(options={"delay_s": 30}, timeout_s=0.2),
    )


def local_stand(provider: Provider, request: pytest.FixtureRequest) -> Stand:
    """On the toy model of the fixture `toy_gguf`, a path."""
    no_gguf = request.getfixturevalue("tmp_path") / "no.gguf"
    no_gguf.write_bytes(b"This is no model.")
    options = {"model_path": str(request.getfixturevalue("toy_gguf")), "context_size": 512}
    return Stand(
        provider,
        well=Condition(options=options),
        broken=Condition(options={"model_path": str(no_gguf)}),
        slow=Condition(options=options, timeout_s=0.001),
    )


STANDS = {"http": http_stand, "dummy": dummy_stand, "local": local_stand}
"""By Provider.driver."""
