from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from structlog.testing import capture_logs

from epochs.current import Epochs, current
from epochs.reading import CoalescedReader
from llmbackends.errors import BackendUnavailable, ConfigurationError
from llmconfigs import activation, active, building
from llmconfigs.active import active_backend, close_backends
from llmconfigs.pool import BackendPool
from llmconfigs.selection import ActiveSpec
from tests.asyncio_support import run_async
from tests.database_outages import database_out_of_reach

from .actors import KIM
from .backends import Workshop
from .conftest import MakeConfig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Watched backends in place of those that the registry builds; the policy before it is the real one."""
    workshop = Workshop()
    monkeypatch.setattr(building.registry, "build", workshop.build)
    monkeypatch.setattr(active, "_pool", BackendPool(building.build))
    return workshop


async def in_database(change: Any, *arguments: Any) -> None:
    def run() -> None:
        try:
            change(*arguments)
        finally:
            connections.close_all()

    await sync_to_async(run, thread_sensitive=False)()


def test_registry_builds_the_backend_of_the_active_row(make_config: MakeConfig) -> None:
    make_config("mine", provider="ollama", model_name="llama3", is_active=True)

    async def scenario() -> tuple[str, str, str]:
        async with active_backend() as lease:
            seen = (lease.active.config_name, lease.backend.name, lease.backend.model)
        await close_backends()
        return seen

    assert run_async(scenario()) == ("mine", "ollama", "llama3")


def test_backend_is_built_once_for_many_requests(make_config: MakeConfig, workshop: Workshop) -> None:
    make_config(is_active=True)

    async def use() -> None:
        async with active_backend():
            await asyncio.sleep(0)

    async def scenario() -> None:
        await asyncio.gather(*(use() for _ in range(50)))
        await use()
        await close_backends()

    run_async(scenario())
    assert [backend.closed for backend in workshop.built] == [1]


def test_backend_of_the_environment_is_kept_too(workshop: Workshop) -> None:
    async def use() -> None:
        async with active_backend() as lease:
            assert lease.active.source == "environment"

    async def scenario() -> None:
        await use()
        await use()
        await close_backends()

    run_async(scenario())
    assert len(workshop.built) == 1


def test_request_under_way_ends_on_the_backend_it_began_with(
    make_config: MakeConfig, workshop: Workshop
) -> None:
    make_config("former", is_active=True)
    later = make_config("later")

    async def scenario() -> None:
        async with active_backend() as old:
            await in_database(partial(activation.activate, later, by=KIM))
            async with active_backend() as new:
                assert (old.active.config_name, new.active.config_name) == ("former", "later")
                assert old.backend is not new.backend
            assert workshop.built[0].closed == 0
        await close_backends()

    run_async(scenario())
    assert [backend.closed for backend in workshop.built] == [1, 1, 1]  # the second was for the probe


def test_no_request_after_an_activation_gets_the_former_row(
    make_config: MakeConfig, workshop: Workshop
) -> None:
    configs = [make_config(f"config-{number}") for number in range(2)]

    async def use() -> str:
        async with active_backend() as lease:
            await asyncio.sleep(0)
            return lease.active.config_name

    async def scenario() -> None:
        for turn in range(20):
            config = configs[turn % 2]
            others = [asyncio.create_task(use()) for _ in range(5)]
            await in_database(partial(activation.activate, config, by=KIM))
            assert await asyncio.gather(*(use() for _ in range(5))) == [config.name] * 5
            await asyncio.gather(*others)
        await close_backends()

    run_async(scenario())
    assert workshop.open == []


def test_row_that_was_read_before_a_change_is_not_taken_for_a_newer_one(
    make_config: MakeConfig, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_config("former", is_active=True)
    later = make_config("later")
    has_read, may_return = threading.Event(), threading.Event()

    def slow_read() -> ActiveSpec:
        selected = active._read_in_own_thread()
        has_read.set()
        assert may_return.wait(timeout=10)
        return selected

    monkeypatch.setattr(active, "_reader", CoalescedReader(slow_read, name="test"))

    async def use() -> str:
        async with active_backend() as lease:
            return lease.active.config_name

    async def scenario() -> list[str]:
        slow = asyncio.create_task(use())
        await asyncio.to_thread(has_read.wait, 10)
        await in_database(partial(activation.activate, later, by=KIM))
        may_return.set()
        names = [await slow, await use()]
        await close_backends()
        return names

    assert run_async(scenario()) == ["former", "later"]


def test_active_row_is_read_once_for_each_change(
    make_config: MakeConfig, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(is_active=True)
    reads: list[ActiveSpec] = []

    def counted_read() -> ActiveSpec:
        reads.append(active._read_in_own_thread())
        return reads[-1]

    monkeypatch.setattr(active, "_reader", CoalescedReader(counted_read, name="test"))

    async def use_often() -> None:
        for _ in range(10):
            async with active_backend():
                pass

    async def scenario() -> None:
        await use_often()
        await in_database(config.save)
        await use_often()
        await close_backends()

    run_async(scenario())
    assert [read.version for read in reads] == [1, 2]


def test_environment_that_a_test_changes_is_read_again(workshop: Workshop, settings: Any) -> None:
    async def model() -> str:
        async with active_backend() as lease:
            return lease.active.spec.model

    async def scenario() -> list[str]:
        before = await model()
        settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "ollama", "LLM_MODEL": "llama3"}
        models = [before, await model()]
        await close_backends()
        return models

    assert run_async(scenario()) == ["dummy", "llama3"]


def test_given_epochs_are_not_asked_for_again(make_config: MakeConfig, workshop: Workshop) -> None:
    make_config("mine", is_active=True)

    async def use(epochs: Epochs) -> str:
        async with active_backend(epochs) as lease:
            return lease.active.config_name

    with asyncio.Runner() as runner:
        epochs = runner.run(current())
        runner.run(use(epochs))
        with database_out_of_reach(), capture_logs() as logs:
            name = runner.run(use(epochs))
        runner.run(close_backends())

    assert (name, logs) == ("mine", [])


def test_saved_configuration_is_built_again(make_config: MakeConfig, workshop: Workshop) -> None:
    config = make_config(is_active=True)

    async def use() -> int:
        async with active_backend() as lease:
            return lease.active.version

    async def scenario() -> list[int]:
        before = await use()
        await in_database(config.save)
        after = await use()
        await close_backends()
        return [before, after]

    assert run_async(scenario()) == [1, 2]
    assert [backend.closed for backend in workshop.built] == [1, 1]


def test_each_event_loop_builds_its_own(make_config: MakeConfig, workshop: Workshop) -> None:
    make_config(is_active=True)

    async def scenario() -> None:
        async with active_backend():
            pass
        await close_backends()

    run_async(scenario())
    run_async(scenario())

    assert [backend.closed for backend in workshop.built] == [1, 1]


def test_configuration_that_cannot_work_is_an_error_and_is_not_remembered(
    make_config: MakeConfig, workshop: Workshop
) -> None:
    config = make_config(provider="vllm", parameters={"temperature": 9}, is_active=True)

    async def use() -> None:
        async with active_backend():
            pass

    async def scenario() -> None:
        with pytest.raises(ConfigurationError):
            await use()
        config.parameters = {}
        await in_database(config.save)
        await use()
        await close_backends()

    run_async(scenario())
    assert len(workshop.built) == 1


@pytest.mark.parametrize("grace_s", [60, 0])
def test_backend_stays_in_use_while_the_database_is_down(
    make_config: MakeConfig, workshop: Workshop, settings: Any, grace_s: float
) -> None:
    settings.EPOCH_GRACE_S = grace_s
    make_config("mine", is_active=True)

    async def use() -> str:
        async with active_backend() as lease:
            return lease.active.config_name

    with asyncio.Runner() as runner:
        runner.run(use())
        with database_out_of_reach():
            name = runner.run(use())
        runner.run(close_backends())

    assert name == "mine"
    assert [backend.closed for backend in workshop.built] == [1]


def test_former_row_does_not_answer_while_the_row_of_a_change_cannot_be_read(
    make_config: MakeConfig, workshop: Workshop
) -> None:
    make_config("former", is_active=True)
    later = make_config("later")

    async def use(epochs: Epochs | None = None) -> str:
        async with active_backend(epochs) as lease:
            return lease.active.config_name

    with asyncio.Runner() as runner:
        runner.run(use())
        activation.activate(later, by=KIM)
        epochs = runner.run(current())
        with database_out_of_reach(), pytest.raises(BackendUnavailable):
            runner.run(use(epochs))
        after = runner.run(use())
        runner.run(close_backends())

    assert after == later.name


@pytest.mark.postgresql
def test_full_pool_of_connections_neither_fails_a_load_nor_lets_the_former_row_answer(
    make_config: MakeConfig, workshop: Workshop
) -> None:
    make_config("former", is_active=True)
    later = make_config("later")

    async def use() -> str:
        async with active_backend() as lease:
            return lease.active.config_name

    with asyncio.Runner() as runner:
        runner.run(use())
        activation.activate(later, by=KIM)
        connections["default"].close()
        with full_pool():
            name = runner.run(use())
        runner.run(close_backends())

    assert name == later.name


@contextlib.contextmanager
def full_pool() -> Iterator[None]:
    """All places of Django's pool are taken."""
    pool = connections["default"].pool
    with contextlib.ExitStack() as stack:
        for _ in range(pool.max_size):
            stack.enter_context(pool.connection())
        yield
