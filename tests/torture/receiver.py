"""An application that is told of its jobs, and does not always take it at the first time."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import re
from collections import Counter

from .serving import ThreadedServer

SECRET = "whsec_" + base64.b64encode(b"of the torture chamber, 32 bytes").decode()
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
_ANSWER = "HTTP/1.1 {} Told\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Receiver(ThreadedServer):
    """Refuses, hangs up on or keeps silent about some messages when they come first; takes all the next time.

    `received`: how often each message came; `taken`: which of them were taken, by endpoint and job; `wrong`:
    what was signed badly, or came again with another body.
    """

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        self.taken: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self._bodies: dict[str, bytes] = {}
        super().__init__("receiver")

    async def _play(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        path, headers = _parsed(head)
        message = headers["webhook-id"]
        self.received[message] += 1
        if not _is_signed(headers, body) or self._bodies.setdefault(message, body) != body:
            self.wrong.append(message)
        fate = random.random() if self.received[message] == 1 else 1.0
        if fate < 0.05:
            writer.write(_ANSWER.format(500).encode())
        elif fate < 0.1:
            await asyncio.sleep(3)
        elif fate > 0.15:  # between them it hangs up
            self.taken[path, json.loads(body)["data"]["id"]] += 1
            writer.write(_ANSWER.format(204).encode())


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    text = head.decode("latin-1")
    pairs = re.findall(r"^([^:\r\n]+): *([^\r\n]*)", text.partition("\r\n")[2], re.MULTILINE)
    return text.split(" ")[1], {name.lower(): value for name, value in pairs}


def _is_signed(headers: dict[str, str], body: bytes) -> bool:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(_KEY, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")
