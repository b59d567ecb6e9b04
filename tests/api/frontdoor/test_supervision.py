from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from api.frontdoor import supervision
from api.frontdoor.exchange import ClientGone
from api.frontdoor.supervision import Drained, Heartbeat, OpenRequests, Supervised
from background.draining import draining
from tests.asyncio_support import run_async


class Client:
    """An exchange whose client hangs up, or takes nothing, as told."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        self.taken = 0

    async def wait_until_gone(self) -> None:
        await self.gone.wait()

    async def piece(self, data: bytes) -> None:
        await self.takes.wait()
        self.taken += 1


@pytest.fixture(autouse=True)
def _watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "UNWATCHED_S", 0)


def supervised(client: Client, requests: OpenRequests | None = None) -> Supervised:
    exchange: Any = client
    return Supervised(exchange, requests or OpenRequests())


def test_hang_up_ends_the_work() -> None:
    async def work() -> None:
        client = Client()
        asyncio.get_running_loop().call_later(0.01, client.gone.set)
        with pytest.raises(ClientGone):
            async with supervised(client):
                await asyncio.sleep(60)
        await asyncio.sleep(0)  # not cancelled any more

    run_async(work(), timeout_s=5)


def test_hang_up_in_the_moment_the_work_ends_disturbs_nothing_after_it() -> None:
    async def work() -> None:
        client = Client()
        async with supervised(client):
            await asyncio.sleep(0.01)
            client.gone.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    run_async(_either(work()), timeout_s=5)


async def _either(work: Any) -> None:
    with contextlib.suppress(ClientGone):
        await work


def test_cancellation_by_others_stays_one() -> None:
    async def work() -> None:
        async with supervised(Client()):
            await asyncio.sleep(60)

    async def cancelled() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_async(cancelled(), timeout_s=5)


def test_request_that_comes_after_the_end_is_ended_too() -> None:
    async def work() -> None:
        requests = OpenRequests()
        draining.set()
        requests.end_all()
        with pytest.raises(Drained):
            async with supervised(Client(), requests):
                await asyncio.sleep(60)

    try:
        run_async(work(), timeout_s=5)
    finally:
        draining.clear()


def test_client_that_takes_nothing_gets_one_comment_and_is_given_up() -> None:
    async def beating(client: Client) -> None:
        exchange: Any = client
        async with supervised(client) as request:
            heartbeat = Heartbeat(exchange, request, 0.01)
            try:
                await asyncio.sleep(60)
            finally:
                heartbeat.stop()

    async def work() -> None:
        client = Client()
        client.takes.clear()
        with pytest.raises(ClientGone):
            await beating(client)
        client.takes.set()
        await asyncio.sleep(0.05)
        assert client.taken == 0

    run_async(work(), timeout_s=5)
