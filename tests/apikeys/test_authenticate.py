from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys import issuing
from apikeys.authentication import authenticate
from apikeys.errors import ExpiredApiKey, InvalidApiKey, MissingApiKey, RevokedApiKey, UnknownApiKey
from apikeys.issuing import IssuedKey
from apikeys.models import ApiKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued() -> IssuedKey:
    return issuing.issue(name="robot", scopes=["generate"])


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Bearer {}"},
        {"authorization": "bearer  {} "},
        {"X-Api-Key": "{}"},
        {"x-api-key": " {} "},
        {"Authorization": "Basic dXNlcjpwYXNz", "x-api-key": "{}"},
    ],
)
def test_authenticate_takes_the_key_from_either_header(issued: IssuedKey, header: dict[str, str]) -> None:
    headers = {name: value.format(issued.secret.reveal()) for name, value in header.items()}

    assert authenticate(headers) == issued.key


def test_authenticate_prefers_the_bearer_token(issued: IssuedKey) -> None:
    headers = {"authorization": "Bearer co_wrong", "x-api-key": issued.secret.reveal()}

    with pytest.raises(UnknownApiKey):
        authenticate(headers)


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
        authenticate(headers)


@pytest.mark.parametrize("change", ["{}x", "x{}", "co_0000000000_{}"])
def test_authenticate_refuses_a_secret_that_is_nearly_right(issued: IssuedKey, change: str) -> None:
    with pytest.raises(UnknownApiKey):
        authenticate({"x-api-key": change.format(issued.secret.reveal())})


def test_authenticate_refuses_the_prefix_and_the_digest(issued: IssuedKey) -> None:
    for stolen in (issued.key.prefix, issued.key.digest):
        with pytest.raises(UnknownApiKey):
            authenticate({"x-api-key": stolen})


@pytest.mark.parametrize("secret", ["\x00", "\udc80", "ÿ" * 10_000, "' OR 1=1 --"])
def test_authenticate_survives_hostile_secrets(secret: str) -> None:
    with pytest.raises(UnknownApiKey):
        authenticate({"x-api-key": secret})


def test_authenticate_depends_on_the_pepper(issued: IssuedKey, settings) -> None:
    settings.API_KEY_PEPPER = "another"

    with pytest.raises(UnknownApiKey):
        authenticate({"x-api-key": issued.secret.reveal()})


def test_authenticate_refuses_a_revoked_key(issued: IssuedKey) -> None:
    issuing.revoke(issued.key)

    with pytest.raises(RevokedApiKey):
        authenticate({"x-api-key": issued.secret.reveal()})


def test_authenticate_refuses_an_expired_key(issued: IssuedKey) -> None:
    ApiKey.objects.update(expires_at=timezone.now())

    with pytest.raises(ExpiredApiKey):
        authenticate({"x-api-key": issued.secret.reveal()})


def test_every_error_has_a_sentence_for_the_caller() -> None:
    sentences = {str(error()) for error in (MissingApiKey, UnknownApiKey, RevokedApiKey, ExpiredApiKey)}

    assert len(sentences) == 4
    assert all(sentence.endswith(".") for sentence in sentences)
    assert all(issubclass(error, InvalidApiKey) for error in (MissingApiKey, UnknownApiKey, RevokedApiKey))


def test_authenticate_notes_the_first_use(issued: IssuedKey) -> None:
    authenticate({"x-api-key": issued.secret.reveal()})

    noted = ApiKey.objects.get(pk=issued.key.pk).last_used_at
    assert noted is not None
    assert timezone.now() - noted < timedelta(seconds=10)


def test_authenticate_writes_nothing_within_a_minute(issued: IssuedKey) -> None:
    authenticate({"x-api-key": issued.secret.reveal()})

    with CaptureQueriesContext(connection) as queries:
        authenticate({"x-api-key": issued.secret.reveal()})

    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]


def test_authenticate_notes_the_use_again_after_a_minute(issued: IssuedKey) -> None:
    before = timezone.now() - timedelta(seconds=61)
    ApiKey.objects.update(last_used_at=before)

    authenticate({"x-api-key": issued.secret.reveal()})

    assert ApiKey.objects.get(pk=issued.key.pk).last_used_at > before


def test_authenticate_lets_in_when_the_use_cannot_be_noted(issued: IssuedKey) -> None:
    def refuse_writes(execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            raise DatabaseError("read-only")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse_writes):
        key = authenticate({"x-api-key": issued.secret.reveal()})

    assert key == issued.key
    assert ApiKey.objects.get(pk=key.pk).last_used_at is None
