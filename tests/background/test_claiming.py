from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import OperationalError

from background.claiming import Claiming
from background.database_threads import DatabaseThreads
from tests.asyncio_support import run_async


@pytest.fixture
def claiming() -> Iterator[Claiming[str]]:
    threads = DatabaseThreads(count=1, name="test")
    yield Claiming(threads)
    threads.stop(timeout_s=5)


def claimed(*claims: str) -> list[str]:
    return list(claims)


def lose_the_confirmation() -> list[str]:
    raise OperationalError("the server closed the connection")


def test_what_was_claimed_though_it_was_reported_failed_is_found_once(claiming: Claiming[str]) -> None:
    def held_by(owner: str) -> list[str]:
        return [f"begun by {owner}", f"lost by {owner}"]

    async def scenario() -> tuple[list[str], ...]:
        begun = await claiming.claim(claimed, "begun by me")
        before = await claiming.unconfirmed(held_by, "me", begun)
        with pytest.raises(OperationalError):
            await claiming.claim(lose_the_confirmation)
        found = await claiming.unconfirmed(held_by, "me", begun)
        return before, found, await claiming.unconfirmed(held_by, "me", [])

    assert run_async(scenario()) == ([], ["lost by me"], [])


def test_what_may_be_held_is_looked_for_until_the_database_tells(claiming: Claiming[str]) -> None:
    async def scenario() -> list[str]:
        for _ in range(2):
            with pytest.raises(OperationalError):
                await claiming.claim(lose_the_confirmation)
            with pytest.raises(OperationalError):
                await claiming.unconfirmed(lambda _: lose_the_confirmation(), "me", [])
        return await claiming.unconfirmed(lambda _: ["lost"], "me", [])

    assert run_async(scenario()) == ["lost"]


def test_what_ends_while_it_is_read_is_not_begun_again(claiming: Claiming[str]) -> None:
    begun = {"mine"}

    def held_by(_: str) -> list[str]:
        begun.clear()
        return ["mine"]

    async def scenario() -> list[str]:
        with pytest.raises(OperationalError):
            await claiming.claim(lose_the_confirmation)
        return await claiming.unconfirmed(held_by, "me", begun)

    assert run_async(scenario()) == []
