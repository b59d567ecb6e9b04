"""Secrets that are recognised wherever they come out."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from urllib.parse import quote

from django.db import connection


@dataclass
class Canaries:
    """By name. `add` each secret as it becomes known, then look for all of them with `found_in`."""

    _secrets: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, name: str, secret: str) -> str:
        self._secrets[name] = secret
        return secret

    def make(self, name: str, prefix: str = "") -> str:
        return self.add(name, prefix + secrets.token_hex(20))

    def found_in(self, text: str) -> list[str]:
        """The names of those that stand there, the half of one or more, plain or in another coat."""
        return [
            name for name, secret in self._secrets.items() if any(each in text for each in _coats(secret))
        ]


def _coats(secret: str) -> set[str]:
    """The middle half of the secret as it is, in a URL, in hexadecimal and in Base64 at each offset."""
    middle = secret[len(secret) // 4 : -len(secret) // 4 or None]
    encoded = {
        base64.b64encode(b"x" * offset + middle.encode())[4:-4].decode().rstrip("=") for offset in range(3)
    }
    return {middle, quote(middle, safe=""), middle.encode().hex(), *encoded}


def database_dump() -> str:
    """All columns of all tables."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            texts.append(f"{table}: {[_readable(row) for row in cursor.fetchall()]}")
    return "\n".join(texts)


def _readable(row: tuple[object, ...]) -> list[str]:
    return [bytes(value).decode("latin-1") if isinstance(value, memoryview) else str(value) for value in row]
