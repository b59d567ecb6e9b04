"""What becomes of a connection whose request was refused, seen byte by byte."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.callers import Caller
from tests.api.frontdoor.chat import HELLO, URL


@pytest.fixture
def connection(server_url: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(server_url).port or 80), timeout=10) as opened:
        yield opened


def head(caller: Caller, method: str, length: int, *lines: str) -> bytes:
    given = [
        f"{method} {URL} HTTP/1.1",
        "host: localhost",
        f"authorization: Bearer {caller.secret}",
        f"content-length: {length}",
        *lines,
    ]
    return "\r\n".join([*given, "", ""]).encode()


def answer_to(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and headers of the next answer; its body is read too."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        assert received, data
        data += received
    first, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = data.partition(b"\r\n\r\n")[2]
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return int(first.split()[1]), headers


def test_refusal_of_an_announced_body_closes_the_connection(
    connection: socket.socket, member: Caller
) -> None:
    connection.sendall(head(member, "PUT", 20, "expect: 100-continue"))

    status, headers = answer_to(connection)

    assert (status, headers["connection"]) == (405, "close")
    assert connection.recv(1) == b""


def test_refusal_of_a_body_that_was_sent_keeps_the_connection(
    connection: socket.socket, member: Caller, activate: Callable[..., Any]
) -> None:
    activate()
    body = json.dumps(HELLO).encode()

    connection.sendall(head(member, "POST", 1) + b"{")
    refused, _ = answer_to(connection)
    connection.sendall(head(member, "POST", len(body)) + body)
    answered, _ = answer_to(connection)

    assert (refused, answered) == (400, 200)


def test_continued_body_is_answered(
    connection: socket.socket, member: Caller, activate: Callable[..., Any]
) -> None:
    activate()
    body = json.dumps(HELLO).encode()

    connection.sendall(head(member, "POST", len(body), "expect: 100-continue"))
    assert answer_to(connection)[0] == 100
    connection.sendall(body)

    assert answer_to(connection)[0] == 200


def test_body_of_several_gzip_members_is_read_whole(member: Caller, activate: Callable[..., Any]) -> None:
    activate()
    body = json.dumps(HELLO).encode()
    packed = gzip.compress(body[:20]) + gzip.compress(body[20:])

    assert member.post(URL, content=packed, headers={"Content-Encoding": "gzip"}).status_code == 200


def test_rubbish_after_a_gzip_body_is_refused(member: Caller) -> None:
    packed = gzip.compress(json.dumps(HELLO).encode()) + b"rubbish"

    assert member.post(URL, content=packed, headers={"Content-Encoding": "gzip"}).status_code == 400
