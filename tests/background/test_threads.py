from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from apikeys.models import ApiKey
from background.threads import give_thread_back, in_thread, release_connections
from tests.asyncio_support import run_async

pytestmark = pytest.mark.django_db(transaction=True)


def use_database() -> tuple[threading.Thread, BaseDatabaseWrapper]:
    """As an async view does by itself: who runs it has to give the connection back."""
    ApiKey.objects.count()
    return threading.current_thread(), connections["default"]


def test_calls_of_a_request_run_in_one_thread_and_leave_no_connection() -> None:
    async def request() -> None:
        async with ThreadSensitiveContext():
            first, used = await in_thread(use_database)
            assert used.connection is None
            assert (await in_thread(use_database))[0] is first

    run_async(request())


def test_request_that_is_about_to_wait_can_release_the_connection() -> None:
    async def request() -> None:
        async with ThreadSensitiveContext():
            _, used = await sync_to_async(use_database)()
            assert used.connection is not None
            await release_connections()
            assert used.connection is None

    run_async(request())


def test_stream_holds_neither_its_thread_nor_a_connection() -> None:
    async def stream() -> None:
        async with ThreadSensitiveContext():
            own, used = await sync_to_async(use_database)()
            await give_thread_back()
            await asyncio.to_thread(own.join, 5)
            assert not own.is_alive()
            assert used.connection is None

    run_async(stream())


def test_streams_share_a_thread_for_what_is_done_at_their_end() -> None:
    async def stream() -> threading.Thread:
        async with ThreadSensitiveContext():
            await sync_to_async(use_database)()
            await give_thread_back()
            return await sync_to_async(threading.current_thread)()

    async def streams() -> list[threading.Thread]:
        return [*await asyncio.gather(*(stream() for _ in range(10))), await stream()]

    assert len(set(run_async(streams()))) == 1


def test_thread_can_be_given_back_twice_and_where_there_is_none() -> None:
    async def stream() -> int:
        await give_thread_back()
        async with ThreadSensitiveContext():
            await give_thread_back()
            await give_thread_back()
            return await in_thread(ApiKey.objects.count)

    assert run_async(stream()) == 0
