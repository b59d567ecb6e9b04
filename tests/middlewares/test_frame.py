from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory

from middlewares.frame import Frame


class Noting(Frame):
    def __init__(self, get_response: Callable[..., Any]) -> None:
        super().__init__(get_response)
        self.notes: list[str] = []

    def begin(self, request: HttpRequest) -> None:
        self.notes.append("begin")

    @contextmanager
    def within(self, request: HttpRequest) -> Iterator[None]:
        self.notes.append("enter")
        try:
            yield
        finally:
            self.notes.append("leave")

    def end(self, request: HttpRequest, response: HttpResponseBase) -> None:
        self.notes.append(f"end {response.status_code}")


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


async def answer_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError


async def fail_async(request: HttpRequest) -> HttpResponse:
    raise ValueError


def call(frame: Frame) -> HttpResponseBase:
    request = RequestFactory().get("/")

    async def awaited() -> HttpResponseBase:
        answered = frame(request)
        return await answered if isinstance(answered, Awaitable) else answered

    return async_to_sync(awaited)()


@pytest.mark.parametrize("view", [answer, answer_async])
def test_frame_sees_request_and_response_in_order(view: Callable[..., Any]) -> None:
    frame = Noting(view)

    assert call(frame).status_code == 204

    assert frame.notes == ["begin", "enter", "leave", "end 204"]


@pytest.mark.parametrize("view", [fail, fail_async])
def test_frame_of_a_request_that_failed_is_left(view: Callable[..., Any]) -> None:
    frame = Noting(view)

    with pytest.raises(ValueError):
        call(frame)

    assert frame.notes == ["begin", "enter", "leave"]


def test_frame_is_async_where_what_it_stands_around_is() -> None:
    assert iscoroutinefunction(Frame(answer_async))
    assert not iscoroutinefunction(Frame(answer))


def test_frame_that_does_nothing_changes_nothing() -> None:
    assert call(Frame(answer)).status_code == 204
