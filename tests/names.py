"""Names that resolve as a test says, for the code that asks the system's resolver."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import pytest


class Names:
    """What each name resolves to, one list for each time it is asked, the last again and again.

    Names that are not here do not exist. `asked` are the names that were looked up, in order.
    """

    def __init__(self, answers: Mapping[str, list[list[str]]]) -> None:
        self.answers = {name: list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        turns = self.answers.get(host)
        if turns is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [_info(address, port) for address in addresses]


def _info(address: str, port: int) -> tuple[Any, ...]:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def install(monkeypatch: pytest.MonkeyPatch, **answers: list[list[str]]) -> Names:
    """In place of the system's resolver; a name's dots are written as "_"."""
    names = Names({name.replace("_", "."): turns for name, turns in answers.items()})
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names
