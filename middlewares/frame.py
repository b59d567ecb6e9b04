"""What a middleware of our own is made of, in whichever package it lives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase


class Frame:
    """Stands in sync and async chains alike: `begin` sees each request, `end` each response, and between the
    two all happens inside of `within`, which ends with a request that failed too."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]):
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        return self._answer_async(request) if self.is_async else self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        self.begin(request)
        with self.within(request):
            response: HttpResponseBase = self.get_response(request)  # type: ignore[assignment]
        self.end(request, response)
        return response

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        self.begin(request)
        with self.within(request):
            response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        self.end(request, response)
        return response

    def begin(self, request: HttpRequest) -> None:
        pass

    def within(self, request: HttpRequest) -> AbstractContextManager[object]:
        return nullcontext()

    def end(self, request: HttpRequest, response: HttpResponseBase) -> None:
        pass
