"""The check of every address that a client connects to, names looked up once.

aiohttp asks the resolver for names alone and makes a socket for whatever it connects to. So the resolver
checks all addresses of a name and marks them; the socket is refused to an address that is neither marked nor
allowed by itself. A kept connection is not looked at again: the policy of a client never changes.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from ..errors import AddressNotAllowed
from ..zones import AddressPolicy


class AddressRefused(OSError):
    """What aiohttp takes through to errors.py as the reason why there is no connection."""

    def __init__(self, error: AddressNotAllowed) -> None:
        super().__init__(error.message)
        self.error = error


class CheckedAddress(str):
    """An address of a name that the resolver let pass."""

    __slots__ = ()


class CheckingResolver(AbstractResolver):
    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        name = host.lower().removesuffix(".")
        try:
            self._policy.require_host(name, port)
            found = await self._resolver.resolve(host, port, family)
            self._policy.require_resolved(name, port, (each["host"] for each in found))
        except AddressNotAllowed as error:
            raise AddressRefused(error) from error
        for each in found:
            each["host"] = CheckedAddress(each["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


class CheckingSockets:
    """Makes aiohttp's sockets. Each stream has one of its own, so what was allowed once is remembered."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._require_host = lru_cache(maxsize=64)(policy.require_host)

    def __call__(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, (host, port, *_) = info
        if not isinstance(host, CheckedAddress):
            try:
                self._require_host(host, port)
            except AddressNotAllowed as error:
                raise AddressRefused(error) from error
        return socket.socket(family, kind, protocol)
