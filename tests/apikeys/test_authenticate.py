from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from apikeys import authentication, issuing
from apikeys.authentication import authenticate, authenticate_secret
from apikeys.errors import ExpiredApiKey, InvalidApiKey, MissingApiKey, RevokedApiKey, UnknownApiKey
from apikeys.issuing import IssuedKey
from apikeys.loading import KeyLoader
from apikeys.models import ApiKey
from epochs.current import Epochs, current
from epochs.errors import EpochsUnknown
from tests.apikeys.calling import call_with
from tests.asyncio_support import run_async
from tests.database_outages import database_out_of_reach

pytestmark = pytest.mark.django_db(transaction=True)


class CountingLoader(KeyLoader):
    def __init__(self) -> None:
        super().__init__()
        self.queries = 0

    def _read(self) -> dict[str, ApiKey]:
        self.queries += 1
        return super()._read()


class SlowLoader(KeyLoader):
    """Holds back what it has read until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.has_read, self.may_return = threading.Event(), threading.Event()

    def _read(self) -> dict[str, ApiKey]:
        found = super()._read()
        self.has_read.set()
        assert self.may_return.wait(timeout=10)
        return found


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> CountingLoader:
    loader = CountingLoader()
    monkeypatch.setattr(authentication, "_loader", loader)
    return loader


@pytest.fixture
def issued() -> IssuedKey:
    return issuing.issue(name="robot", scopes=["generate"])


@pytest.mark.parametrize(
    "header",
    [
        {"authorization": "Bearer {}"},
        {"authorization": "bearer  {} "},
        {"x-api-key": " {} "},
        {"authorization": "Basic dXNlcjpwYXNz", "x-api-key": "{}"},
    ],
)
def test_authenticate_takes_the_key_from_either_header(issued: IssuedKey, header: dict[str, str]) -> None:
    headers = {name: value.format(issued.secret.reveal()) for name, value in header.items()}

    assert call_with(headers) == issued.key


def test_authenticate_prefers_the_bearer_token(issued: IssuedKey) -> None:
    headers = {"authorization": "Bearer co_wrong", "x-api-key": issued.secret.reveal()}

    with pytest.raises(UnknownApiKey):
        call_with(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic eA=="},
        {"x-api-key": " "},
    ],
)
def test_authenticate_says_how_to_send_a_key_when_there_is_none(headers: dict[str, str]) -> None:
    with pytest.raises(MissingApiKey, match="Authorization: Bearer"):
        run_async(authenticate(headers, Epochs(configs=1, keys=1)))


@pytest.mark.parametrize("change", ["{}x", "x{}", "co_0000000000_{}"])
def test_authenticate_refuses_a_secret_that_is_nearly_right(issued: IssuedKey, change: str) -> None:
    with pytest.raises(UnknownApiKey):
        call_with({"x-api-key": change.format(issued.secret.reveal())})


def test_authenticate_refuses_the_prefix_and_the_digest(issued: IssuedKey) -> None:
    for stolen in (issued.key.prefix, issued.key.digest):
        with pytest.raises(UnknownApiKey):
            call_with({"x-api-key": stolen})


@pytest.mark.parametrize("secret", ["\x00", "\udc80", "ÿ" * 10_000, "' OR 1=1 --"])
def test_authenticate_survives_hostile_secrets(secret: str) -> None:
    with pytest.raises(UnknownApiKey):
        call_with({"x-api-key": secret})


def test_authenticate_depends_on_the_pepper(issued: IssuedKey, settings: Any) -> None:
    settings.API_KEY_PEPPER = "another"

    with pytest.raises(UnknownApiKey):
        call_with({"x-api-key": issued.secret.reveal()})


def test_authenticate_refuses_a_revoked_key_that_it_knew(issued: IssuedKey) -> None:
    call_with({"x-api-key": issued.secret.reveal()})

    issuing.revoke(issued.key)

    with pytest.raises(RevokedApiKey):
        call_with({"x-api-key": issued.secret.reveal()})


def test_authenticate_refuses_a_key_that_it_knew_once_it_has_expired(issued: IssuedKey) -> None:
    expires_at = timezone.now() + timedelta(seconds=0.3)
    ApiKey.objects.update(expires_at=expires_at)

    async def call_before_and_after() -> None:
        epochs = await current()
        await authenticate_secret(issued.secret.reveal(), epochs)
        await asyncio.sleep((expires_at - timezone.now()).total_seconds())
        with pytest.raises(ExpiredApiKey):
            await authenticate_secret(issued.secret.reveal(), epochs)

    run_async(call_before_and_after())


def test_every_error_has_a_sentence_for_the_caller() -> None:
    sentences = {str(error()) for error in (MissingApiKey, UnknownApiKey, RevokedApiKey, ExpiredApiKey)}

    assert len(sentences) == 4
    assert all(sentence.endswith(".") for sentence in sentences)
    assert all(issubclass(error, InvalidApiKey) for error in (MissingApiKey, UnknownApiKey, RevokedApiKey))


def test_known_key_is_let_in_without_waiting_for_anything(issued: IssuedKey) -> None:
    secret = issued.secret.reveal()
    epochs = run_async(current())
    run_async(authenticate_secret(secret, epochs))

    call = authenticate_secret(secret, epochs)
    with pytest.raises(StopIteration) as ended:
        call.send(None)  # a coroutine that waited would yield here

    assert ended.value.value == issued.key


def test_many_requests_at_once_cost_few_queries(loader: CountingLoader) -> None:
    issued = [issuing.issue(name=f"robot {number}", scopes=["generate"]) for number in range(50)]

    async def scenario() -> list[ApiKey]:
        epochs = await current()
        return await asyncio.gather(
            *(authenticate_secret(each.secret.reveal(), epochs) for each in issued for _ in range(4))
        )

    assert run_async(scenario()) == [each.key for each in issued for _ in range(4)]
    assert loader.queries <= 20


def test_key_that_was_read_before_a_change_is_not_taken_for_a_newer_one(
    issued: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = SlowLoader()
    monkeypatch.setattr(authentication, "_loader", loader)
    secret = issued.secret.reveal()

    async def scenario() -> None:
        slow = asyncio.create_task(authenticate_secret(secret, await current()))
        await asyncio.to_thread(loader.has_read.wait, 10)
        await asyncio.to_thread(revoke_elsewhere, issued.key)
        newer = await current()
        with pytest.raises(UnknownApiKey):  # makes the process know the newer epoch
            await asyncio.gather(authenticate_secret("co_nobody", newer), opened(loader))
        await slow
        with pytest.raises(RevokedApiKey):
            await authenticate_secret(secret, newer)

    run_async(scenario())


async def opened(loader: SlowLoader) -> None:
    loader.may_return.set()


def revoke_elsewhere(key: ApiKey) -> None:
    try:
        issuing.revoke(key)
    finally:
        connections.close_all()


def test_change_of_one_key_makes_each_be_read_once_more(issued: IssuedKey, loader: CountingLoader) -> None:
    other = issuing.issue(name="other", scopes=["generate"])
    call_with({"x-api-key": issued.secret.reveal()})

    issuing.revoke(other.key)
    for _ in range(3):
        call_with({"x-api-key": issued.secret.reveal()})

    assert loader.queries == 2


def test_unknown_secret_is_not_remembered_as_unknown(loader: CountingLoader) -> None:
    epochs = run_async(current())
    for _ in range(2):
        with pytest.raises(UnknownApiKey):
            run_async(authenticate_secret("co_nobody", epochs))

    assert loader.queries == 2


def test_last_known_key_is_let_in_while_the_database_is_down(issued: IssuedKey) -> None:
    call_with({"x-api-key": issued.secret.reveal()})

    with database_out_of_reach():
        assert call_with({"x-api-key": issued.secret.reveal()}) == issued.key


def test_unknown_secret_is_not_judged_while_the_database_is_down(issued: IssuedKey) -> None:
    call_with({"x-api-key": issued.secret.reveal()})

    with database_out_of_reach(), pytest.raises(EpochsUnknown):
        call_with({"x-api-key": "co_nobody"})


def test_failure_to_read_a_key_is_told(issued: IssuedKey) -> None:
    epochs = run_async(current())

    with database_out_of_reach(), pytest.raises(OperationalError):
        run_async(authenticate_secret(issued.secret.reveal(), epochs))


def test_keys_of_several_event_loops_are_read_and_kept_together(
    issued: IssuedKey, loader: CountingLoader
) -> None:
    for _ in range(3):
        call_with({"x-api-key": issued.secret.reveal()})

    assert loader.queries == 1
