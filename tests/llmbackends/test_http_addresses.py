"""Every address is checked when it is connected to, whatever was said of it before."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import uvloop

from llmbackends.catalog import VLLM
from llmbackends.driver import WireBackend
from llmbackends.errors import AddressNotAllowed, BackendError, BackendUnavailable, ConfigurationError
from llmbackends.http import HTTPCall, HTTPClient
from llmbackends.http.addresses import AddressRefused, CheckingSockets
from llmbackends.registry import Registry
from llmbackends.spec import BackendSpec
from llmbackends.wire import openai_chat
from llmbackends.zone_setting import parse_zones
from llmbackends.zones import INTERNET, LOOPBACK, LOOPBACK_ONLY, AddressPolicy
from tests import names
from tests.asyncio_support import run_async

from . import faults
from .backends import HELLO, backend_for, collect, spec_for
from .fault_server import Exchange, FaultServer
from .provider_servers import SERVICES

OK = faults.answer(200, {"ok": True})


@asynccontextmanager
async def client_with(policy: AddressPolicy) -> AsyncIterator[HTTPClient]:
    client = HTTPClient(connect_timeout_s=5, idle_timeout_s=5, max_connections=8, addresses=policy)
    try:
        yield client
    finally:
        await client.aclose()


async def status_of(client: HTTPClient, url: str) -> int:
    deadline = asyncio.get_running_loop().time() + 10
    async with client.send(HTTPCall("POST", url, {}, b"{}"), deadline=deadline) as answer:
        await answer.read()
        return answer.status


async def error_of(url: str, policy: AddressPolicy = LOOPBACK_ONLY) -> BackendError:
    async with client_with(policy) as client:
        with pytest.raises(BackendError) as caught:
            await status_of(client, url)
    return caught.value


def port_of(server: FaultServer) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


# IP addresses in the URL


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://0.0.0.0:8000/",
        "http://[::]:8000/",
        "https://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://8.8.8.8/",
        "http://[64:ff9b::7f00:1]/",
    ],
)
def test_address_outside_is_refused_before_anything_is_sent(url: str) -> None:
    error = run_async(error_of(url))

    assert type(error) is AddressNotAllowed
    assert (error.retryable, error.processed) == (False, False)
    assert error.details["problems"]


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.1"])
def test_number_for_an_address_is_refused(host: str) -> None:
    async def scenario() -> tuple[BackendError, int]:
        async with FaultServer(OK) as server:
            error = await error_of(f"http://{host}:{port_of(server)}/")
            return error, len(server.connections)

    error, connections = run_async(scenario())

    assert isinstance(error, ConfigurationError)
    assert connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"])
def test_loopback_is_called(host: str) -> None:
    async def scenario() -> int:
        async with FaultServer(OK) as server, client_with(LOOPBACK_ONLY) as client:
            return await status_of(client, f"http://{host}:{port_of(server)}/")

    assert run_async(scenario()) == 200


def test_port_of_an_own_service_is_not_called_even_on_loopback() -> None:
    async def scenario(host: str) -> tuple[BackendError, int]:
        async with FaultServer(OK) as server:
            policy = AddressPolicy((LOOPBACK,), closed_ports=frozenset({port_of(server)}))
            error = await error_of(f"http://{host}:{port_of(server)}/", policy)
            return error, len(server.connections)

    for host in ("127.0.0.1", "localhost", "[::1]", "127.0.0.2"):
        error, connections = run_async(scenario(host))
        assert type(error) is AddressNotAllowed
        assert connections == 0


# Names


def test_name_is_looked_up_once_and_the_checked_address_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = names.install(monkeypatch, box_example=[["127.0.0.1"], ["169.254.169.254"]])

    async def scenario() -> list[int]:
        async with FaultServer(OK) as server, client_with(LOOPBACK_ONLY) as client:
            return [await status_of(client, f"http://box.example:{port_of(server)}/") for _ in range(2)]

    assert run_async(scenario()) == [200, 200]
    assert resolver.asked == ["box.example"]


def test_name_that_is_bound_anew_is_refused_at_the_next_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names.install(monkeypatch, box_example=[["127.0.0.1"], ["169.254.169.254"]])

    async def scenario() -> tuple[int, BackendError]:
        async with FaultServer(OK) as server:
            url = f"http://box.example:{port_of(server)}/"
            async with client_with(LOOPBACK_ONLY) as client:
                first = await status_of(client, url)
            return first, await error_of(url)

    status, error = run_async(scenario())

    assert status == 200
    assert type(error) is AddressNotAllowed
    assert "box.example (169.254.169.254) is never called" in error.message


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "fe80::1"]]
)
def test_one_address_outside_is_enough_to_refuse_a_name(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    names.install(monkeypatch, box_example=[addresses])

    async def scenario() -> tuple[BackendError, int]:
        async with FaultServer(OK) as server:
            error = await error_of(f"http://box.example:{port_of(server)}/")
            return error, len(server.connections)

    error, connections = run_async(scenario())

    assert type(error) is AddressNotAllowed
    assert connections == 0


def test_listed_name_is_called_where_its_address_is_in_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    names.install(monkeypatch, llm_example=[["127.0.0.1"]])
    policy = AddressPolicy(parse_zones("mine=llm.example"))

    async def scenario() -> tuple[int, BackendError]:
        async with FaultServer(OK) as server, client_with(policy) as client:
            status = await status_of(client, f"http://LLM.example:{port_of(server)}/")
            with pytest.raises(BackendError) as caught:  # the address by itself, in the same client
                await status_of(client, f"http://127.0.0.1:{port_of(server)}/")
            return status, caught.value

    status, error = run_async(scenario())

    assert status == 200
    assert type(error) is AddressNotAllowed


def test_unusual_name_is_not_even_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = names.install(monkeypatch)

    error = run_async(error_of("http://0x7f.1/"))

    assert type(error) is AddressNotAllowed
    assert resolver.asked == []


def test_name_that_does_not_exist_may_exist_later(monkeypatch: pytest.MonkeyPatch) -> None:
    names.install(monkeypatch)

    error = run_async(error_of("http://box.example/"))

    assert type(error) is BackendUnavailable
    assert "name is not known" in error.message


def test_calls_at_the_same_time_are_each_told_of_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    names.install(monkeypatch, box_example=[["10.0.0.1"]])

    async def scenario() -> list[object]:
        async with client_with(LOOPBACK_ONLY) as client:
            calls = (status_of(client, "http://box.example:8000/") for _ in range(5))
            return list(await asyncio.gather(*calls, return_exceptions=True))

    assert [type(each) for each in run_async(scenario())] == [AddressNotAllowed] * 5


# Ways around


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    async def scenario() -> tuple[int, int]:
        async with FaultServer(OK) as other:

            async def redirect(exchange: Exchange) -> None:
                exchange.write_head(status, {"location": other.url, "content-length": "0"})

            async with FaultServer(redirect) as server, client_with(LOOPBACK_ONLY) as client:
                return await status_of(client, server.url), len(other.connections)

    assert run_async(scenario()) == (status, 0)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async def scenario() -> tuple[int, int]:
        async with FaultServer(OK) as proxy, FaultServer(OK) as server, client_with(LOOPBACK_ONLY) as client:
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            return await status_of(client, server.url), len(proxy.connections)

    assert run_async(scenario()) == (200, 0)


def test_socket_is_refused_to_an_address_that_the_resolver_did_not_check() -> None:
    """The second net: whatever aiohttp comes to connect to."""
    with pytest.raises(AddressRefused):
        CheckingSockets(LOOPBACK_ONLY)(
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.0.0.1", 80))
        )


# Every provider


@pytest.mark.parametrize("provider_id", SERVICES)
def test_each_provider_calls_only_what_its_spec_allows(
    monkeypatch: pytest.MonkeyPatch, provider_id: str
) -> None:
    names.install(monkeypatch, inside_example=[["127.0.0.1"]], outside_example=[["127.0.0.1", "10.0.0.1"]])

    async def scenario() -> tuple[str, list[type[Exception]], int]:
        async with FaultServer(SERVICES[provider_id].play) as server:
            port = port_of(server)
            async with backend_for(spec_for(provider_id, f"http://inside.example:{port}")) as backend:
                text = "".join(chunk.text for chunk in await collect(backend))
            before, kinds = len(server.connections), []
            for host in ("outside.example", "10.0.0.1", "[::ffff:169.254.169.254]"):
                async with backend_for(
                    spec_for(provider_id, f"http://{host}:{port}", max_retries=2)
                ) as backend:
                    for call in (
                        backend.complete(HELLO),
                        collect(backend),
                        backend.check(),
                        backend.list_models(),
                    ):
                        with pytest.raises(BackendError) as caught:
                            await call
                        kinds.append(type(caught.value))
            return text, kinds, len(server.connections) - before

    text, kinds, connections = run_async(scenario())

    assert text
    assert kinds == [AddressNotAllowed] * 12
    assert connections == 0


def test_public_address_is_called_in_the_zone_of_the_internet_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names.install(monkeypatch, api_example=[["127.0.0.1"]])

    error = run_async(error_of("https://api.example/", AddressPolicy((INTERNET,))))

    assert type(error) is AddressNotAllowed
    assert "(internet)" in error.message


@pytest.mark.parametrize("new_event_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
def test_check_is_the_same_on_every_event_loop(
    new_event_loop: Callable[[], asyncio.AbstractEventLoop], host: str
) -> None:
    """uvloop, which the server runs on, resolves names by itself."""

    async def scenario() -> tuple[int, BackendError]:
        async with FaultServer(OK) as server, client_with(LOOPBACK_ONLY) as client:
            url = f"http://{host}:{port_of(server)}/"
            elsewhere = AddressPolicy(parse_zones("gpu=10.1.0.0/16"))
            return await status_of(client, url), await error_of(url, elsewhere)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        status, error = runner.run(scenario())

    assert status == 200
    assert type(error) is AddressNotAllowed


def test_plugin_gets_the_check_without_doing_anything() -> None:
    """As docs/writing-a-provider.md has it: a row alone, or the driver with a language of its own."""
    registry = Registry()
    registry.register_backend(replace(VLLM, id="row", aliases=()))
    registry.register_backend(
        replace(VLLM, id="language", aliases=()),
        lambda spec, provider: WireBackend(spec, provider, wire=openai_chat),
    )

    async def scenario(provider_id: str) -> BackendError:
        backend = registry.build(BackendSpec(provider_id, "m", "http://10.0.0.1:8000"))
        with pytest.raises(BackendError) as caught:
            await backend.complete(HELLO)
        await backend.aclose()
        return caught.value

    assert type(run_async(scenario("row"))) is AddressNotAllowed
    assert type(run_async(scenario("language"))) is AddressNotAllowed
