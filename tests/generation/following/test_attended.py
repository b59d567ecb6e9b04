from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from background.draining import draining
from generation.following import attended as attended_module
from generation.following.attended import Moment, attended
from tests.asyncio_support import run_async


class Source:
    def __init__(self, *items: str | float) -> None:
        """A number is a pause in seconds."""
        self._items = items
        self.is_closed = False

    async def read(self) -> AsyncGenerator[str, None]:
        try:
            for item in self._items:
                if isinstance(item, str):
                    yield item
                else:
                    await asyncio.sleep(item)
        finally:
            self.is_closed = True


def all_of(source: Source, *, silence_s: float = 10, grace_s: float = 0) -> list[str | Moment]:
    async def read() -> list[str | Moment]:
        return [item async for item in attended(source.read(), silence_s=silence_s, grace_s=grace_s)]

    return run_async(read())


@pytest.fixture
def is_draining() -> None:
    draining.set()
    yield
    draining.clear()


def test_items_come_as_they_are() -> None:
    source = Source("a", "b")

    assert all_of(source) == ["a", "b"]
    assert source.is_closed


def test_silence_is_told_each_time() -> None:
    has_been_told = asyncio.Event()

    async def silent() -> AsyncGenerator[str, None]:
        yield "a"
        await has_been_told.wait()
        yield "b"

    async def read() -> list[str | Moment]:
        told: list[str | Moment] = []
        async for item in attended(silent(), silence_s=0.01):
            told.append(item)
            if told.count(Moment.SILENCE) == 3:
                has_been_told.set()
        return told

    told = run_async(read())

    assert (told[0], set(told[1:-1]), told[-1]) == ("a", {Moment.SILENCE}, "b")
    assert len(told) >= 5


def test_draining_is_the_last_that_comes(is_draining: None) -> None:
    source = Source("a", 60.0)

    assert all_of(source)[-1] is Moment.DRAINING
    assert source.is_closed


def test_draining_leaves_time_to_come_to_the_end(is_draining: None) -> None:
    assert all_of(Source("a", 0.05, "b"), grace_s=10) == ["a", "b"]


def test_error_of_the_source_is_raised() -> None:
    async def broken() -> AsyncGenerator[str, None]:
        yield "a"
        raise ZeroDivisionError

    async def read() -> None:
        async for _ in attended(broken(), silence_s=10):
            pass

    with pytest.raises(ZeroDivisionError):
        run_async(read())


def test_who_leaves_early_closes_the_source() -> None:
    source = Source("a", 60.0)

    async def leave() -> None:
        moments = attended(source.read(), silence_s=10)
        await anext(moments)
        await moments.aclose()

    run_async(leave())
    assert source.is_closed


def test_reader_that_takes_nothing_more_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attended_module, "STALLED_S", 0.01)
    source = Source("a", "b")

    async def read() -> None:
        async with aclosing(attended(source.read(), silence_s=10)) as moments:
            async for _ in moments:
                await asyncio.Event().wait()

    async def reader() -> asyncio.Task[None]:
        reading = asyncio.create_task(read())
        await asyncio.wait([reading])
        return reading

    assert run_async(reader()).cancelled()
    assert source.is_closed


def test_reader_that_takes_all_in_time_may_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attended_module, "STALLED_S", 0.1)
    source = Source("a", 0.15, "b", 0.15, "c")

    assert all_of(source) == ["a", "b", "c"]
