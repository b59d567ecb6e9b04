"""Django is not set up yet when this file is read: what needs it is imported in the fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from llmconfigs.models import LLMConfig
    from tests.api.callers import Caller, InProcessCaller


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    from tests.api.server import running_server

    with running_server() as url:
        yield url


@pytest.fixture
def call_as(server_url: str, transactional_db: None) -> Iterator[Callable[..., Caller]]:
    """Makes a client whose key has the scopes."""
    from tests.api.callers import Caller

    callers: list[Caller] = []

    def make(*scopes: str) -> Caller:
        callers.append(Caller(server_url, *scopes))
        return callers[-1]

    yield make
    for caller in callers:
        caller.close()


@pytest.fixture
def member(call_as: Callable[..., Caller]) -> Caller:
    return call_as("generate", "read")


@pytest.fixture
def quick_member(db: None) -> InProcessCaller:
    from tests.api.callers import InProcessCaller

    return InProcessCaller("generate", "read")


@pytest.fixture
def stranger(call_as: Callable[..., Caller]) -> Caller:
    return call_as("generate", "read")


@pytest.fixture
def manager(call_as: Callable[..., Caller]) -> Caller:
    return call_as("manage")


@pytest.fixture
def anonymous(server_url: str, transactional_db: None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server_url, timeout=30) as client:
        yield client


@pytest.fixture
def activate(transactional_db: None) -> Callable[..., LLMConfig]:
    """Makes a configuration of the dummy provider, or another, the active one."""
    from llmconfigs.models import LLMConfig

    def make(provider: str = "dummy", **fields: object) -> LLMConfig:
        return LLMConfig.objects.create(
            **{"name": "test", "provider": provider, "model_name": "dummy", "is_active": True, **fields}
        )

    return make


@pytest.fixture
def runner(transactional_db: None) -> Iterator[None]:
    """Runs jobs as they come, as in the server."""
    from generation.running import runner

    runner.start_here(concurrency=16)
    yield
    runner.stop_here(timeout_s=5)
