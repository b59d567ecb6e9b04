"""What llmbackends.http makes of each way in which a connection can fail."""

from __future__ import annotations

import asyncio
import gc
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from llmbackends.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    ConfigurationError,
    ConnectionLost,
)
from llmbackends.http import HTTPCall, HTTPClient
from llmbackends.zones import LOOPBACK_ONLY
from tests.asyncio_support import run_async
from tests.certificates import self_signed_context

from . import faults
from .fault_server import Exchange, Fault, FaultServer, wait_until

KEY = "sk-very-secret-key-0123456789"
HUGE_BODY = b" " * (32 * 1024 * 1024)  # more than the buffers of both sides hold


@asynccontextmanager
async def server_and_client(fault: Fault) -> AsyncIterator[tuple[FaultServer, HTTPClient]]:
    async with FaultServer(fault) as server, http_client() as client:
        yield server, client


@asynccontextmanager
async def http_client(
    *, connect_timeout_s: float = 5.0, idle_timeout_s: float = 5.0, max_connections: int = 8
) -> AsyncIterator[HTTPClient]:
    client = HTTPClient(
        connect_timeout_s=connect_timeout_s,
        idle_timeout_s=idle_timeout_s,
        max_connections=max_connections,
        addresses=LOOPBACK_ONLY,
    )
    try:
        yield client
    finally:
        await client.aclose()


def post(url: str, body: bytes = b"{}") -> HTTPCall:
    return HTTPCall("POST", url, {"authorization": f"Bearer {KEY}"}, body)


def within(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def fetch(client: HTTPClient, call: HTTPCall, timeout_s: float = 10.0) -> bytes:
    async with client.send(call, deadline=within(timeout_s)) as answer:
        return await answer.read()


async def error_of(
    url: str, *, timeout_s: float = 10.0, idle_timeout_s: float = 5.0, connect_timeout_s: float = 5.0
) -> BackendError:
    """The error that one call to `url` raises."""
    async with http_client(idle_timeout_s=idle_timeout_s, connect_timeout_s=connect_timeout_s) as client:
        with pytest.raises(BackendError) as caught:
            await fetch(client, post(url), timeout_s)
    return caught.value


async def error_by(fault: Fault, **limits: float) -> BackendError:
    async with FaultServer(fault) as server:
        return await error_of(server.url, **limits)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# No connection: nothing can have been processed


def test_refused_connection_is_unavailable_and_not_processed() -> None:
    error = run_async(error_of(f"http://127.0.0.1:{closed_port()}/v1"))

    assert type(error) is BackendUnavailable
    assert error.retryable
    assert not error.processed
    assert "connection refused" in error.message


def test_unknown_host_is_unavailable_and_not_processed() -> None:
    error = run_async(error_of("http://no-such-host.invalid/v1"))

    assert type(error) is BackendUnavailable
    assert not error.processed
    assert "name is not known" in error.message


def test_connecting_too_slowly_is_unavailable_and_not_processed() -> None:
    async def scenario() -> BackendError:
        # A server that takes the connection and never begins TLS.
        async with FaultServer(faults.silence) as server:
            return await error_of(server.url.replace("http:", "https:"), connect_timeout_s=0.2)

    error = run_async(scenario())

    assert type(error) is BackendUnavailable
    assert not error.processed


def test_failed_tls_is_unavailable_and_not_processed() -> None:
    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async def scenario() -> BackendError:
        async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await error_of(f"https://127.0.0.1:{port}/")

    error = run_async(scenario())

    assert type(error) is BackendUnavailable
    assert not error.processed
    assert "TLS failed" in error.message


def test_untrusted_certificate_is_unavailable_and_hopeless(tmp_path: Path) -> None:
    async def never_called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("The client accepted the certificate.")

    async def scenario() -> BackendError:
        context = self_signed_context(tmp_path / "server.pem")
        async with await asyncio.start_server(never_called, "127.0.0.1", 0, ssl=context) as server:
            return await error_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    error = run_async(scenario())

    assert type(error) is BackendUnavailable
    assert "certificate is not trusted" in error.message
    assert not error.retryable


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"])
def test_impossible_url_is_a_configuration_error(url: str) -> None:
    error = run_async(error_of(url))

    assert type(error) is ConfigurationError
    assert not error.retryable


# A connection that breaks


@pytest.mark.parametrize(
    "fault",
    [
        faults.reset_before_answer,
        faults.close_before_answer,
        faults.reset_within_headers,
        faults.reset_after_headers,
        faults.half_body,
        faults.half_chunk,
    ],
)
def test_broken_connection_after_sending_is_lost_and_processed(fault: Fault) -> None:
    error = run_async(error_by(fault))

    assert type(error) is ConnectionLost
    assert error.retryable
    assert error.processed


def test_broken_connection_of_a_harmless_call_is_not_processed() -> None:
    async def scenario() -> BackendError:
        async with server_and_client(faults.close_before_answer) as (server, client):
            with pytest.raises(ConnectionLost) as caught:
                await fetch(client, HTTPCall("GET", server.url, harmless=True))
            return caught.value

    assert not run_async(scenario()).processed


def test_connection_lost_before_the_request_was_sent_whole_is_not_processed() -> None:
    async def close_unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def scenario() -> BackendError:
        async with (
            await asyncio.start_server(close_unread, "127.0.0.1", 0, limit=1) as server,
            http_client() as client,
        ):
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ConnectionLost) as caught:
                await fetch(client, post(f"http://127.0.0.1:{port}/", HUGE_BODY))
            return caught.value

    assert not run_async(scenario()).processed


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_lost_request_is_never_sent_again_by_itself(method: str) -> None:
    async def scenario() -> int:
        async with server_and_client(faults.close_before_answer) as (server, client):
            with pytest.raises(ConnectionLost):
                await fetch(client, HTTPCall(method, server.url))
            return len(server.requests)

    assert run_async(scenario()) == 1


# Answers that are not what they should be


@pytest.mark.parametrize(
    "fault",
    [
        faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        faults.raw(b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"a" * 100_000 + b"\r\n\r\n"),
        faults.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nxx\r\n"),
        faults.malformed_chunk,
        faults.answer(200, b"not gzip", content_encoding="gzip"),
    ],
    ids=["no-http", "long-header", "malformed-first-chunk", "malformed-later-chunk", "wrong-encoding"],
)
def test_malformed_answer_is_bad_and_told_at_once(fault: Fault) -> None:
    error = run_async(error_by(fault), timeout_s=4)

    assert type(error) is BadAnswer
    assert error.processed


def test_huge_answer_is_bad() -> None:
    async def scenario() -> None:
        async with (
            server_and_client(faults.huge_body(300_000)) as (server, client),
            client.send(post(server.url), deadline=within(10)) as answer,
        ):
            with pytest.raises(BadAnswer, match="more than 200000 bytes"):
                await answer.read(max_bytes=200_000)

    run_async(scenario())


def test_start_of_a_broken_error_answer_is_what_came_of_it() -> None:
    async def scenario() -> bytes:
        async with (
            server_and_client(faults.half_body) as (server, client),
            client.send(post(server.url), deadline=within(10)) as answer,
        ):
            return await answer.read_start(1000)

    assert run_async(scenario()) == b'{"half":'


# Time-outs


@pytest.mark.parametrize("fault", [faults.silence, faults.silence_after_headers])
def test_no_answer_until_the_deadline_is_a_timeout(fault: Fault) -> None:
    error = run_async(error_by(fault, timeout_s=0.3, idle_timeout_s=5.0), timeout_s=4)

    assert type(error) is BackendTimeout
    assert error.processed


def test_waiting_for_the_first_byte_is_not_idleness() -> None:
    async def answer_late(exchange: Exchange) -> None:
        await asyncio.sleep(0.4)
        await faults.answer(200, {"late": True})(exchange)

    async def scenario() -> bytes:
        async with FaultServer(answer_late) as server, http_client(idle_timeout_s=0.1) as client:
            return await fetch(client, post(server.url))

    assert run_async(scenario()) == b'{"late": true}'


def test_silence_within_an_answer_is_a_timeout() -> None:
    error = run_async(error_by(faults.stalled_stream("data: 1\n\n"), idle_timeout_s=0.2), timeout_s=4)

    assert type(error) is BackendTimeout
    assert "fell silent for 0.2 s" in error.message


def test_silence_is_counted_anew_after_each_piece() -> None:
    fault = faults.slow_drip(b" " * 10, pause_s=0.06)

    async def scenario() -> bytes:
        async with FaultServer(fault) as server, http_client(idle_timeout_s=0.3) as client:
            return await fetch(client, post(server.url))

    assert run_async(scenario()) == b" " * 10


def test_reader_that_takes_its_time_is_not_silence_of_the_service() -> None:
    fault = faults.events("1", "2", "3", pause_s=0.02)

    async def scenario() -> list[bytes]:
        async with (
            FaultServer(fault) as server,
            http_client(idle_timeout_s=0.1) as client,
            client.send(post(server.url), deadline=within(10)) as answer,
        ):
            first = await answer.read_piece()
            await asyncio.sleep(0.3)  # longer than the service may be silent
            return [first, await answer.read()]

    assert run_async(scenario()) == [b"1", b"23"]


def test_slow_drip_is_not_idle_but_ends_at_the_deadline() -> None:
    fault = faults.slow_drip(b" " * 1000, pause_s=0.02)

    error = run_async(error_by(fault, timeout_s=0.5, idle_timeout_s=5.0), timeout_s=4)

    assert type(error) is BackendTimeout
    assert "did not finish" in error.message


def test_waiting_for_a_free_connection_ends_at_the_deadline_unprocessed() -> None:
    async def scenario() -> BackendError:
        async with FaultServer(faults.silence) as server, http_client(max_connections=1) as client:
            first = asyncio.ensure_future(fetch(client, post(server.url)))
            await wait_until(lambda: len(server.requests) == 1)
            with pytest.raises(BackendTimeout) as caught:
                await fetch(client, post(server.url), timeout_s=0.2)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert len(server.requests) == 1
            return caught.value

    assert not run_async(scenario()).processed


# The client's manners


def test_requests_carry_the_hop_mark_and_no_cookie() -> None:
    async def scenario() -> None:
        fault = faults.answer(200, {}, set_cookie="a=b; Path=/")
        async with server_and_client(fault) as (server, client):
            url = server.url.replace("127.0.0.1", "localhost")  # cookies are for names, not for addresses
            await fetch(client, post(url))
            await fetch(client, post(url))
        assert [request.headers.get("x-changeover-hop") for request in server.requests] == ["1", "1"]
        assert [request.headers.get("cookie") for request in server.requests] == [None, None]

    run_async(scenario())


def test_connection_is_used_again_after_a_whole_answer() -> None:
    async def scenario() -> int:
        async with server_and_client(faults.answer(200, {})) as (server, client):
            for _ in range(3):
                await fetch(client, post(server.url))
            return len(server.connections)

    assert run_async(scenario()) == 1


def test_call_that_ends_its_connection_does_so_though_the_server_would_keep_it() -> None:
    """The whole answer comes at once: the connection is given back before the answer's headers are told."""

    async def scenario() -> int:
        async with server_and_client(faults.answer(200, {})) as (server, client):
            for _ in range(3):
                await fetch(client, replace(post(server.url), ends_connection=True))
            assert {request.headers["connection"] for request in server.requests} == {"close"}
            return len(server.connections)

    assert run_async(scenario()) == 3


@pytest.mark.parametrize("fault", [faults.answer_then_close, faults.answer_then_reset])
def test_connection_that_the_server_ended_is_not_used_again(fault: Fault) -> None:
    async def scenario() -> int:
        async with server_and_client(fault) as (server, client):
            for number in range(1, 4):
                await fetch(client, post(server.url))
                await all_ended(server, number)
            gc.collect()  # what nobody retrieved is told now
            return len(server.connections)

    assert run_async(scenario()) == 3


async def all_ended(server: FaultServer, count: int) -> None:
    await wait_until(lambda: len(server.connections) == count and server.open_connections == 0)
    await asyncio.sleep(0.02)  # for the end to reach the client's event loop as well


def test_connection_that_ends_as_it_is_used_again_counts_as_processed() -> None:
    async def scenario() -> BackendError:
        async with (
            FaultServer(faults.answer(200, {}), faults.close_before_answer) as server,
            http_client() as client,
        ):
            await fetch(client, post(server.url))
            with pytest.raises(ConnectionLost) as caught:
                await fetch(client, post(server.url))
            assert len(server.connections) == 1
            return caught.value

    assert run_async(scenario()).processed


def test_redirect_is_not_followed() -> None:
    async def scenario() -> tuple[int, int]:
        async with (
            server_and_client(faults.answer(302, {}, location="/elsewhere")) as (server, client),
            client.send(post(server.url), deadline=within(5)) as answer,
        ):
            return answer.status, len(server.requests)

    assert run_async(scenario()) == (302, 1)


def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")

    async def scenario() -> bytes:
        async with server_and_client(faults.answer(200, {})) as (server, client):
            return await fetch(client, post(server.url))

    assert run_async(scenario()) == b"{}"


def test_calls_beyond_the_cap_wait_for_their_turn() -> None:
    async def scenario() -> tuple[int, int]:
        fault = faults.events("data: 1\n\n", "data: 2\n\n", pause_s=0.01)
        async with FaultServer(fault) as server, http_client(max_connections=3) as client:
            await asyncio.gather(*(fetch(client, post(server.url)) for _ in range(12)))
            return len(server.requests), len(server.connections)

    requests, connections = run_async(scenario())

    assert requests == 12
    assert connections <= 3


@pytest.mark.parametrize("fault", [faults.silence, faults.silence_after_headers, faults.stalled_stream("x")])
def test_cancelling_closes_the_connection_at_once(fault: Fault) -> None:
    async def scenario() -> float:
        async with server_and_client(fault) as (server, client):
            task = asyncio.ensure_future(fetch(client, post(server.url)))
            await wait_until(lambda: len(server.requests) == 1)
            await asyncio.sleep(0.05)
            cancelled_at = asyncio.get_running_loop().time()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            connection = server.connections[0]
            await wait_until(lambda: connection.closed_by_client_at is not None)
            assert connection.closed_by_client_at is not None
            return connection.closed_by_client_at - cancelled_at

    assert run_async(scenario()) < 1


def test_cancelling_within_a_large_request_closes_the_connection_unflushed() -> None:
    accepted, done = asyncio.Event(), asyncio.Event()

    async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await done.wait()
        writer.close()

    async def scenario() -> None:
        async with (
            await asyncio.start_server(read_nothing, "127.0.0.1", 0, limit=1) as server,
            http_client() as client,
        ):
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            before = open_files()
            task = asyncio.ensure_future(fetch(client, post(url, HUGE_BODY)))
            await accepted.wait()
            await wait_until(lambda: open_files() == before + 2)  # the connection's two ends
            await asyncio.sleep(0.3)  # until the system's buffers are full; too short would prove less
            task.cancel()
            await wait_until(lambda: open_files() == before + 1)
            done.set()

    run_async(scenario())


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_closed_client_refuses_calls_and_closes_twice() -> None:
    async def scenario() -> BackendError:
        async with server_and_client(faults.answer(200, {})) as (server, client):
            await fetch(client, post(server.url))
            await client.aclose()
            await client.aclose()
            with pytest.raises(BackendUnavailable) as caught:
                await fetch(client, post(server.url))
            return caught.value

    assert not run_async(scenario()).retryable


@pytest.mark.parametrize("fault", [faults.silence, faults.silence_after_headers, faults.stalled_stream("x")])
def test_closing_the_client_ends_a_call_that_is_still_running(fault: Fault) -> None:
    async def scenario() -> BackendError:
        async with server_and_client(fault) as (server, client):
            call = asyncio.ensure_future(fetch(client, post(server.url), timeout_s=60))
            await wait_until(lambda: len(server.requests) == 1)
            await asyncio.sleep(0.05)  # for the headers to arrive
            await client.aclose()
            with pytest.raises(BackendError) as caught:
                await call
            return caught.value

    assert type(run_async(scenario(), timeout_s=4)) is ConnectionLost


@pytest.mark.parametrize(
    "fault", [faults.raw(b"garbage\r\n\r\n"), faults.close_before_answer, faults.half_body, faults.silence]
)
def test_no_key_in_an_error_or_what_caused_it(fault: Fault) -> None:
    error = run_async(error_by(fault, timeout_s=0.3))

    assert error.__cause__ is not None
    assert KEY not in everything_shown(error) + repr(error) + repr(error.__cause__)


def test_no_key_in_the_error_of_a_refused_connection() -> None:
    error = run_async(error_of(f"http://127.0.0.1:{closed_port()}/v1"))

    assert KEY not in everything_shown(error)


def everything_shown(error: BaseException) -> str:
    """The traceback as error reporters show it, with the local variables of each frame."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(trace.format())


def test_call_shows_neither_headers_nor_body() -> None:
    call = post("http://127.0.0.1/v1", b"a private prompt")

    assert KEY not in repr(call)
    assert "private" not in repr(call)
