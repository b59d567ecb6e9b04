from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from tests.apikeys.calling import call_with
from tests.people import user_with

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("apikey", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_create_prints_a_key_that_lets_in_and_nothing_else() -> None:
    secret = run("create", "CI robot").strip()

    key = call_with({"x-api-key": secret})
    assert key.name == "CI robot"
    assert key.scopes == ["generate", "read"]
    assert key.expires_at is None


def test_create_takes_scopes_and_an_expiry() -> None:
    run("create", "desk", "--scope", "manage", "--scope", "read", "--expires-in-days", "30")

    key = ApiKey.objects.get()
    assert key.scopes == ["manage", "read"]
    assert timedelta(days=29, hours=23) < key.expires_at - timezone.now() <= timedelta(days=30)


def test_create_takes_limits() -> None:
    run("create", "desk", "--requests-per-minute", "60", "--concurrent-requests", "0")
    run("create", "robot")

    numbers = ApiKey.objects.order_by("name").values_list("requests_per_minute", "concurrent_requests")
    assert list(numbers) == [(60, 0), (None, None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", " "], "name: "),
        (["create", "x" * 101], "name: "),
        (["create", "robot", "--expires-in-days", "0"], "expires_at: "),
        (["create", "robot", "--expires-in-days", "-1"], "expires_at: "),
        (["create", "robot", "--expires-in-days", "9999999999"], "too far away"),
        (["create", "robot", "--scope", "fly"], "invalid choice"),
        (["create", "robot", "--requests-per-minute", "-1"], "requests_per_minute: "),
        (["create", "robot", "--concurrent-requests", "many"], "invalid int value"),
        (["revoke", "co_0000000000"], "`apikey list`"),
        ([], "arguments are required"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)

    assert not ApiKey.objects.exists()


def test_list_shows_every_key_and_its_state_but_no_secret() -> None:
    usable = issuing.issue(name="robot", scopes=["generate"])
    revoked = issuing.issue(name="old", scopes=["read"])
    issuing.revoke(revoked.key)
    expired = issuing.issue(name="past", scopes=["read"])
    ApiKey.objects.filter(pk=expired.key.pk).update(expires_at=timezone.now())

    lines = {line.split()[0]: line for line in run("list").splitlines()}

    assert "usable" in lines[usable.key.prefix]
    assert "revoked" in lines[revoked.key.prefix]
    assert "expired" in lines[expired.key.prefix]
    assert usable.secret.reveal() not in run("list")


def test_revoke_takes_the_key_back_and_says_so() -> None:
    key = issuing.issue(name="robot", scopes=["read"]).key

    first, second = run("revoke", key.prefix), run("revoke", key.prefix)

    assert "is revoked" in first
    assert "was revoked before" in second
    assert ApiKey.objects.get().is_revoked


def test_list_shows_that_a_key_is_suspended_with_its_owner() -> None:
    owner = user_with()
    issuing.issue(name="mine", scopes=["read"], owner=owner)
    assert "usable" in run("list")

    owner.is_active = False
    owner.save()

    assert "suspended" in run("list")
