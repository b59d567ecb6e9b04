"""A body above the limit is refused with an answer in form, and never kept in memory or on disk."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.body_limit import BodyLimit
from generation.models import GenerationJob
from tests.api.callers import Caller
from tests.asyncio_support import run_async

URL = "/api/v1/generations"
LIMIT = 20_000


@pytest.fixture(autouse=True)
def _small_limit(settings) -> None:
    settings.API_MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


def body(size: int) -> bytes:
    frame = json.dumps({"prompt": ""})
    return json.dumps({"prompt": "x" * (size - len(frame))}).encode()


def pieces(content: bytes) -> Iterator[bytes]:
    yield from (content[start : start + 1000] for start in range(0, len(content), 1000))


JSON = {"Content-Type": "application/json"}


def test_body_of_the_limit_is_accepted(member: Caller) -> None:
    assert member.post(URL, content=body(LIMIT), headers=JSON).status_code == 202
    assert member.post(URL, content=pieces(body(LIMIT)), headers=JSON).status_code == 202


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT * 500])
def test_body_above_the_limit_is_refused_when_its_length_is_announced(member: Caller, size: int) -> None:
    response = member.post(URL, content=body(size), headers=JSON)

    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"
    assert str(LIMIT) in response.json()["error"]["message"]
    assert response.headers["X-Request-ID"]
    assert not GenerationJob.objects.exists()


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT * 500])
def test_body_above_the_limit_is_refused_when_it_comes_in_chunks(member: Caller, size: int) -> None:
    response = member.post(URL, content=pieces(body(size)), headers=JSON)

    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"
    assert not GenerationJob.objects.exists()


def test_connection_works_on_after_a_refused_body(member: Caller) -> None:
    member.post(URL, content=pieces(body(LIMIT * 50)), headers=JSON)

    assert member.post(URL, json={"prompt": "Hello"}).status_code == 202


def test_caller_without_a_key_is_told_so_first(anonymous: httpx.Client) -> None:
    assert anonymous.post(URL, content=body(LIMIT * 2), headers=JSON).status_code == 401


def test_announced_body_is_refused_before_it_is_sent(server_url: str, member: Caller) -> None:
    """A client that waits for "100 Continue" gets its answer without sending a byte."""
    address = urlsplit(server_url)
    head = (
        f"POST {URL} HTTP/1.1\r\nHost: {address.netloc}\r\nx-api-key: {member.secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n"
    )

    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_no_more_than_the_limit_reaches_the_application() -> None:
    received = bytearray()
    thrown_away = run_async(_send_through_limit(received, chunks=1000, chunk=b"x" * 1000))

    assert len(received) <= LIMIT + 1
    assert thrown_away == 1000


async def _send_through_limit(received: bytearray, *, chunks: int, chunk: bytes) -> int:
    """Sends the chunks to an application that stores its body as Django does, then waits for the end."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": number < chunks - 1} for number in range(chunks)
    ]
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        with tempfile.SpooledTemporaryFile() as stored:
            more = True
            while more:
                message = await receive()
                stored.write(message["body"])
                more = message["more_body"]
            stored.seek(0)
            received.extend(stored.read())
        assert (await receive())["type"] == "http.disconnect"

    await BodyLimit(application)({"type": "http", "headers": []}, receive, None)
    return sent - 1
