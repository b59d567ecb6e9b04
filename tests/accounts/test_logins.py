from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from tests.audit.events import actions, the_event

LOGIN = reverse("web:login")
LOGOUT = reverse("web:logout")
PASSWORD = "correct horse battery"


@pytest.fixture
def user(db: None) -> Iterator[User]:
    with override_settings(AXES_FAILURE_LIMIT=3):
        yield User.objects.create_user("kim", password=PASSWORD, is_staff=True)


def log_in(client: Client, password: str = PASSWORD, username: str = "kim", **extra: Any) -> Any:
    return client.post(LOGIN, {"username": username, "password": password}, **extra)


def of_logins() -> list[str]:
    return [action for action in actions() if action.startswith("log")]


def test_login_is_recorded_with_user_address_and_request(user: User, client: Client) -> None:
    answer = log_in(client, REMOTE_ADDR="192.0.2.7")

    event = the_event(Action.LOGIN)
    assert answer.status_code == 302
    assert (event.actor_id, event.actor_name, event.address) == (user.pk, "kim", "192.0.2.7")
    assert event.request_id == answer["X-Request-ID"]
    assert (event.subject_kind, event.subject_id, event.subject_name) == ("user", str(user.pk), "kim")


def test_logout_is_recorded_once(user: User, client: Client) -> None:
    log_in(client)

    client.post(LOGOUT)
    client.post(LOGOUT)

    assert the_event(Action.LOGOUT).actor_name == "kim"


def test_failed_login_is_recorded_without_the_password(user: User, client: Client) -> None:
    log_in(client, password="hunter2")

    event = the_event(Action.LOGIN_FAILED)
    assert (event.subject_name, event.subject_id, event.actor_name) == ("kim", str(user.pk), "anonymous")
    assert "hunter2" not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("username", ["correct horse battery staple", "x" * 150, "nul"])
def test_of_a_name_that_nobody_has_the_beginning_is_recorded(
    user: User, client: Client, username: str
) -> None:
    log_in(client, username=username)

    assert the_event(Action.LOGIN_FAILED).subject_name == username[:3] + "…"


def test_too_many_failures_lock_the_name_for_the_address(user: User, client: Client) -> None:
    answers = [log_in(client, password="wrong").status_code for _ in range(3)]
    locked = log_in(client)

    assert answers == [200, 200, 429]
    assert locked.status_code == 429
    assert locked["Retry-After"] == "900"
    assert "nobody can log in from here for 15 minutes" in locked.content.decode()
    assert "_auth_user_id" not in client.session


def test_lock_is_recorded_when_it_begins_and_refused_tries_are_not(user: User, client: Client) -> None:
    for _ in range(6):
        log_in(client, password="wrong")

    assert of_logins() == [Action.LOGIN_FAILED] * 3 + [Action.LOGIN_LOCKED]
    assert the_event(Action.LOGIN_LOCKED).details == {"failures": 3}


def test_other_names_and_addresses_are_not_locked(user: User, client: Client) -> None:
    User.objects.create_user("lee", password=PASSWORD, is_staff=True)
    for _ in range(4):
        log_in(client, password="wrong")

    assert log_in(client, username="lee").status_code == 302
    assert log_in(Client(), REMOTE_ADDR="192.0.2.8").status_code == 302


@pytest.fixture
def sprayed(user: User) -> Iterator[Client]:
    """From whose address one password was tried with as many names as an address may."""
    with override_settings(LOGIN_ATTEMPTS_PER_ADDRESS=8):
        client = Client()
        answers = [log_in(client, password="123", username=f"name-{number}") for number in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 7 + [429]
        yield client


def test_too_many_failures_with_many_names_lock_the_address(sprayed: Client) -> None:
    locked = log_in(sprayed)

    assert locked.status_code == 429
    assert locked["Retry-After"] == "900"
    assert "Too many logins from here have failed." in locked.content.decode()
    assert the_event(Action.LOGIN_LOCKED).details == {"failures": 8}


def test_other_addresses_are_not_locked_by_many_names(sprayed: Client) -> None:
    assert log_in(sprayed, REMOTE_ADDR="192.0.2.8").status_code == 302


def test_lock_of_an_address_ends_after_the_cool_off(sprayed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timezone.now() + timedelta(seconds=905)
    monkeypatch.setattr("axes.handlers.proxy.now", lambda: later)

    assert log_in(sprayed).status_code == 302


@override_settings(LOGIN_ATTEMPTS_PER_ADDRESS=4)
def test_login_that_succeeds_forgets_no_failures_of_other_names(user: User) -> None:
    """Else who has a login could go on guessing those of others."""
    for number in range(3):
        log_in(Client(), password="123", username=f"name-{number}")
        assert log_in(Client()).status_code == 302

    assert log_in(Client(), password="123", username="name-3").status_code == 429


@override_settings(LOGIN_ATTEMPTS_PER_ADDRESS=2)
def test_people_whose_address_is_not_known_share_no_lock(user: User, client: Client) -> None:
    for number in range(4):
        log_in(client, password="123", username=f"name-{number}", REMOTE_ADDR="")

    assert log_in(client, REMOTE_ADDR="").status_code == 302


@override_settings(LOGIN_ATTEMPTS_PER_ADDRESS=0)
def test_without_a_limit_no_address_is_locked(user: User, client: Client) -> None:
    for number in range(60):
        log_in(client, password="123", username=f"name-{number}")

    assert log_in(client).status_code == 302


def test_address_is_unlocked_by_the_documented_command(sprayed: Client) -> None:
    call_command("axes_reset_ip", "127.0.0.1", stdout=StringIO())

    assert log_in(sprayed).status_code == 302


def test_name_is_unlocked_by_the_documented_command(user: User, client: Client) -> None:
    for _ in range(3):
        log_in(client, password="wrong")
    assert log_in(client).status_code == 429

    call_command("axes_reset_username", "kim", stdout=StringIO())

    assert log_in(client).status_code == 302


def test_forged_header_brings_no_new_tries(user: User, client: Client) -> None:
    answers = [
        log_in(client, password="wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}").status_code
        for number in range(3)
    ]

    assert answers[-1] == 429


@override_settings(TRUSTED_PROXY_COUNT=1)
def test_behind_a_proxy_each_client_has_its_own_tries(user: User, client: Client) -> None:
    for _ in range(4):
        log_in(client, password="wrong", HTTP_X_FORWARDED_FOR="198.51.100.1, 192.0.2.1")

    assert log_in(client, HTTP_X_FORWARDED_FOR="192.0.2.1").status_code == 429
    assert log_in(client, HTTP_X_FORWARDED_FOR="192.0.2.1, 192.0.2.2").status_code == 302


def test_lock_ends_after_the_cool_off_whatever_was_tried_meanwhile(
    user: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_at = timezone.now()
    for after_s in (0, 1, 2, 400, 800):
        monkeypatch.setattr("axes.handlers.proxy.now", lambda at=began_at + timedelta(seconds=after_s): at)
        log_in(client, password="wrong")
    monkeypatch.setattr("axes.handlers.proxy.now", lambda: began_at + timedelta(seconds=905))

    assert log_in(client).status_code == 302


def test_login_that_succeeds_forgets_the_failures(user: User, client: Client) -> None:
    for _ in range(3):
        log_in(client, password="wrong")
        log_in(client, password="wrong")
        assert log_in(client).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_failures_of_many_threads_are_counted_together(user: User) -> None:
    def guess(_: int) -> int:
        try:
            return int(log_in(Client(), password="wrong").status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as executor:
        list(executor.map(guess, range(12)))

    assert log_in(Client()).status_code == 429
    assert of_logins().count(Action.LOGIN_FAILED) >= 3


@pytest.mark.parametrize("username", ["", "a\x00b", "x" * 10_000, "한국어", "'; --"])
def test_strange_names_are_answered_like_wrong_ones(user: User, client: Client, username: str) -> None:
    assert log_in(client, username=username).status_code == 200
