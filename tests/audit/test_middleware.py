from __future__ import annotations

from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from audit.addresses import client_address
from audit.context import SYSTEM, Origin, current_origin
from audit.middleware import OriginMiddleware

KIM = SimpleNamespace(pk=7, is_authenticated=True, get_username=lambda: "kim")


def request_of(user: object = KIM, **meta: str) -> HttpRequest:
    request = RequestFactory().get("/", **meta)
    request.user, request.request_id = user, "r-1"
    return request


def test_origin_is_that_of_the_request_while_it_is_answered() -> None:
    seen: list[Origin] = []

    OriginMiddleware(lambda request: seen.append(current_origin()) or HttpResponse())(
        request_of(REMOTE_ADDR="192.0.2.1")
    )

    [origin] = seen
    assert (origin.actor.user_id, origin.actor.name) == (7, "kim")
    assert (origin.address, origin.request_id) == ("192.0.2.1", "r-1")
    assert current_origin() is SYSTEM


def test_origin_follows_who_logs_in() -> None:
    names: list[str] = []

    def log_in(request: HttpRequest) -> HttpResponse:
        names.append(current_origin().actor.name)
        request.user = KIM
        names.append(current_origin().actor.name)
        return HttpResponse()

    OriginMiddleware(log_in)(request_of(AnonymousUser()))

    assert names == ["anonymous", "kim"]


def test_origin_reaches_async_views_and_the_threads_they_use() -> None:
    seen: list[Origin] = []

    async def view(request: HttpRequest) -> HttpResponse:
        seen.append(current_origin())
        seen.append(await sync_to_async(current_origin)())
        return HttpResponse()

    async_to_sync(OriginMiddleware(view))(request_of())

    assert [origin.actor.name for origin in seen] == ["kim", "kim"]


def test_origin_ends_with_a_request_that_failed() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise ValueError

    with pytest.raises(ValueError):
        OriginMiddleware(view)(request_of())

    assert current_origin() is SYSTEM


@pytest.mark.parametrize(
    ("proxies", "direct", "forwarded", "address"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", "198.51.100.1", "192.0.2.1"),
        (1, "10.0.0.1", "192.0.2.1", "192.0.2.1"),
        (1, "10.0.0.1", "198.51.100.1, 192.0.2.1", "192.0.2.1"),
        (1, "10.0.0.1", "198.51.100.1,, ,192.0.2.1", "192.0.2.1"),
        (2, "10.0.0.1", "198.51.100.1, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (2, "10.0.0.1", "198.51.100.1", "10.0.0.1"),  # it came past the outer proxy
        (1, "10.0.0.1", None, "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "<script>", "10.0.0.1"),
        (1, "10.0.0.1", "unknown", "10.0.0.1"),
        (1, "", "192.0.2.1", "192.0.2.1"),  # over a Unix socket
        (0, "", None, None),
        (0, "localhost", None, None),
        (0, "::ffff:192.0.2.1", None, "192.0.2.1"),
        (0, "2001:DB8:0::1", None, "2001:db8::1"),
        (0, "fe80::1%eth0", None, "fe80::1"),
        (1, "10.0.0.1", "192.0.2.1:4711", "10.0.0.1"),
        (1, "10.0.0.1", "3232235777", "10.0.0.1"),
    ],
)
def test_client_address(proxies: int, direct: str, forwarded: str | None, address: str | None) -> None:
    meta = {"REMOTE_ADDR": direct} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})

    with override_settings(TRUSTED_PROXY_COUNT=proxies):
        assert client_address(request_of(**meta)) == address
