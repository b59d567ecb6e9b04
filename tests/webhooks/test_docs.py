"""The receiver of docs/webhooks.md, run as it stands there."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmbackends.secret import Secret
from tests.waiting import wait_until
from tests.webhooks.receiving import end_job, sending, wait_for_status
from webhooks import deliveries, endpoints, signing
from webhooks.models import DeliveryStatus, WebhookDelivery

from .endpoints_support import a_key, registered

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
BODY = b'{"type": "webhook.test", "data": {}}'


def the_receiver() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return str(code)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("WEBHOOK_SECRETS", f"{SECRET} {OLD_SECRET}")
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(the_receiver(), "receiver.py", "exec"), names)
    function: Callable[..., Any] = names["verified"]
    return function


def headers(*secrets: str, sent_at: float | None = None) -> dict[str, str]:
    moment = int(time.time() if sent_at is None else sent_at)
    return signing.headers_of("msg_1", sent_at=moment, body=BODY, secrets=[Secret(each) for each in secrets])


@pytest.mark.parametrize("secrets", [(SECRET,), (OLD_SECRET,), (SECRET, OLD_SECRET)])
def test_receiver_takes_what_a_known_secret_has_signed(
    verified: Callable[..., Any], secrets: tuple[str, ...]
) -> None:
    assert verified(headers(*secrets), BODY) == {"type": "webhook.test", "data": {}}


def test_receiver_refuses_what_another_secret_has_signed(verified: Callable[..., Any]) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()

    with pytest.raises(ValueError, match="no signature is ours"):
        verified(headers(other), BODY)


@pytest.mark.parametrize("change", [{"webhook-id": "msg_2"}, {"webhook-signature": "v1,AAAA"}])
def test_receiver_refuses_what_was_changed(verified: Callable[..., Any], change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no signature is ours"):
        verified(headers(SECRET) | change, BODY)
    with pytest.raises(ValueError, match="no signature is ours"):
        verified(headers(SECRET), BODY + b" ")


@pytest.mark.parametrize("seconds", [-301, 302])
def test_receiver_refuses_another_time(verified: Callable[..., Any], seconds: int) -> None:
    with pytest.raises(ValueError, match="too old"):
        verified(headers(SECRET, sent_at=time.time() + seconds), BODY)


class Receiver:
    """A process that runs it."""

    def __init__(self, folder: Path, secrets: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = folder / "receiver.py"
        program.write_text(the_receiver())
        self.process = subprocess.Popen(
            [sys.executable, program],
            env=os.environ | {"WEBHOOK_SECRETS": secrets, "PORT": str(self.port)},
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_until(self.listens)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> str:
        """What it has printed."""
        self.process.terminate()
        return self.process.communicate(timeout=10)[0]


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[Callable[[str], Receiver]]:
    started: list[Receiver] = []

    def start(secrets: str) -> Receiver:
        started.append(Receiver(tmp_path, secrets))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_receiver_prints_each_message_once(receivers: Callable[[str], Receiver]) -> None:
    key = a_key()
    issued = registered(key, url="http://127.0.0.1:9/not-yet")
    receiver = receivers(issued.secret.reveal())
    endpoint = endpoints.change(issued.endpoint, endpoints.Changes(url=receiver.url))
    endpoints.rotate_secret(endpoint)
    job = end_job(key)

    with sending():
        delivery = wait_for_status(WebhookDelivery.objects.get(), DeliveryStatus.DELIVERED)
        deliveries.redeliver(delivery)
        wait_for_status(delivery, DeliveryStatus.DELIVERED)
        forged = httpx.post(receiver.url, content=BODY, headers=headers(OLD_SECRET))

    assert forged.status_code == 400
    assert delivery.attempts == 2
    assert receiver.stop() == f"generation.completed /api/v1/generations/{job.pk}\n"
