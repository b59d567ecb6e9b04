"""Many requests that are cancelled at any moment leave the client working and leak no connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from itertools import cycle

import pytest
import uvloop

from llmbackends.base import ChatBackend
from llmbackends.errors import BackendError
from llmbackends.types import ChatResult
from tests.asyncio_support import run_async

from . import faults
from .backends import HELLO, backend_with, collect
from .fault_server import Exchange, Fault, FaultServer, wait_until
from .provider_servers import TEXT, openai

REQUESTS = 300
CONNECTIONS = 5
LONGEST_LIFE_S = 0.03


def moody() -> Fault:
    """Answers well, slowly, not at all or badly, in turn."""
    moods = cycle([openai, faults.silence, openai, faults.half_body, faults.reset_before_answer, openai])

    async def play(exchange: Exchange) -> None:
        await next(moods)(exchange)

    return play


async def ask(backend: ChatBackend, *, streaming: bool) -> None:
    if streaming:
        await collect(backend)
    else:
        await backend.complete(HELLO)


async def storm(backend: ChatBackend, chance: random.Random) -> list[BaseException]:
    """Starts all requests, cancels each after a random time, and returns what was raised."""

    async def short_life(number: int) -> None:
        task = asyncio.ensure_future(ask(backend, streaming=number % 2 == 0))
        await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_S) * (1 + number / 10))
        task.cancel()
        await task

    outcomes = await asyncio.gather(*map(short_life, range(REQUESTS)), return_exceptions=True)
    return [outcome for outcome in outcomes if outcome is not None]


async def weather(server: FaultServer, backend: ChatBackend, seed: int) -> list[ChatResult]:
    """Storms, until some of their requests have come through, then one good answer on each connection at the
    same time. Where the machine is busy, all of a storm may be cancelled before they are sent."""
    chance, raised = random.Random(seed), []
    while len(server.requests) <= CONNECTIONS:
        raised += await storm(backend, chance)
    assert {type(error) for error in raised} & {asyncio.CancelledError}
    assert all(isinstance(error, asyncio.CancelledError | BackendError) for error in raised), raised
    await wait_until(lambda: server.open_connections <= CONNECTIONS)
    server.play_only(openai)
    return await asyncio.gather(*(backend.complete(HELLO) for _ in range(CONNECTIONS)))


@pytest.mark.parametrize("new_event_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("seed", [1, 2])
def test_storm_of_cancelled_requests_leaves_the_client_working(
    seed: int, new_event_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scenario() -> list[ChatResult]:
        async with backend_with(moody(), max_connections=CONNECTIONS, max_retries=1) as (backend, server):
            results = await weather(server, backend, seed)
            assert server.open_connections <= CONNECTIONS
            await backend.aclose()
            await wait_until(lambda: server.open_connections == 0)
            return results

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        results = runner.run(scenario())

    assert [result.text for result in results] == [TEXT] * CONNECTIONS


def test_cancelled_requests_to_a_silent_server_close_all_their_connections() -> None:
    async def scenario() -> int:
        async with backend_with(faults.silence, max_connections=CONNECTIONS) as (backend, server):
            for round_number in range(1, 11):
                tasks = [asyncio.ensure_future(backend.complete(HELLO)) for _ in range(CONNECTIONS)]
                await all_seen(server, round_number * CONNECTIONS)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await wait_until(lambda: server.open_connections == 0)
            return len(server.connections)

    assert run_async(scenario()) == 10 * CONNECTIONS


async def all_seen(server: FaultServer, count: int) -> None:
    await wait_until(lambda: len(server.requests) == count)
