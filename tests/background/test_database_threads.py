from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from apikeys.models import ApiKey
from background.database_threads import DatabaseThreads
from tests.asyncio_support import run_async

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one_thread() -> Iterator[DatabaseThreads]:
    threads = DatabaseThreads(count=1, name="test")
    yield threads
    threads.stop(timeout_s=5)


@pytest.fixture
def _keeps_connections(settings: object) -> Iterator[None]:
    """As in a worker, which has no pool."""
    connection.close()  # it belongs to the pool
    pool = connection.settings_dict["OPTIONS"].pop("pool", None)
    yield
    connection.close()
    if pool is not None:
        connection.settings_dict["OPTIONS"]["pool"] = pool


def connection_in_use() -> int:
    connection.ensure_connection()
    return id(connection.connection)


def has_connection() -> bool:
    return connection.connection is not None


def fail() -> None:
    connection.ensure_connection()
    raise OperationalError("the server closed the connection")


def test_run_returns_the_result_and_raises_the_error_of_the_call(one_thread: DatabaseThreads) -> None:
    assert run_async(one_thread.run(ApiKey.objects.count)) == 0
    with pytest.raises(ZeroDivisionError):
        run_async(one_thread.run(lambda: 1 / 0))


def test_thread_outlives_an_exit_that_a_call_raises(one_thread: DatabaseThreads) -> None:
    def leave() -> None:
        raise SystemExit(3)

    async def call() -> BaseException | None:
        return (await asyncio.gather(one_thread.run(leave), return_exceptions=True))[0]

    with pytest.raises(SystemExit):
        run_async(call())

    assert run_async(one_thread.run(ApiKey.objects.count)) == 0


@pytest.mark.usefixtures("_keeps_connections")
def test_thread_keeps_its_connection_between_calls(one_thread: DatabaseThreads) -> None:
    first = run_async(one_thread.run(connection_in_use))

    assert run_async(one_thread.run(has_connection))
    assert run_async(one_thread.run(connection_in_use)) == first


@pytest.mark.usefixtures("_keeps_connections")
def test_connection_that_failed_is_closed(one_thread: DatabaseThreads) -> None:
    with pytest.raises(OperationalError):
        run_async(one_thread.run(fail))

    assert not run_async(one_thread.run(has_connection))


@pytest.mark.postgresql  # SQLite has no pool
def test_connection_from_a_pool_goes_back_after_each_call(one_thread: DatabaseThreads) -> None:
    run_async(one_thread.run(ApiKey.objects.count))

    assert not run_async(one_thread.run(has_connection))


def test_calls_at_once_run_in_several_threads() -> None:
    threads = DatabaseThreads(count=3, name="test")
    together = threading.Barrier(3)

    async def meet() -> None:
        await asyncio.gather(*(threads.run(together.wait, 5) for _ in range(3)))

    run_async(meet())

    threads.stop(timeout_s=5)


def test_stop_ends_the_threads() -> None:
    threads = DatabaseThreads(count=2, name="stopping")

    threads.stop(timeout_s=5)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stopping")]
