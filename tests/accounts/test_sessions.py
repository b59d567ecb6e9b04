from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import sessions
from accounts.sessions import POLL_HEADER
from tests.config.loading import settings_with

INDEX = reverse("admin:index")
IDLE_S, MAX_S = 1800, 43_200

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        monkeypatch.setattr("accounts.sessions.time.time", lambda: self.now)

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def user() -> User:
    return User.objects.create_user("kim", is_staff=True)


@pytest.fixture
def logged_in(clock: Clock, user: User, client: Client) -> Client:
    client.force_login(user)
    return client


def is_in(client: Client, **headers: str) -> bool:
    return client.get(INDEX, headers=headers).status_code == 200


def test_login_lasts_while_it_is_used(logged_in: Client, clock: Clock) -> None:
    for _ in range(10):
        clock.forward(IDLE_S - 100)
        assert is_in(logged_in)


def test_login_that_nobody_uses_ends(logged_in: Client, clock: Clock) -> None:
    assert is_in(logged_in)
    clock.forward(IDLE_S + 1)

    assert not is_in(logged_in)
    assert "_auth_user_id" not in logged_in.session


def test_polls_of_a_page_do_not_make_a_login_last(logged_in: Client, clock: Clock) -> None:
    for _ in range(3):
        clock.forward(IDLE_S / 4)
        assert is_in(logged_in, **{POLL_HEADER: "1"})
    clock.forward(IDLE_S / 3)

    assert not is_in(logged_in, **{POLL_HEADER: "1"})


def test_login_ends_after_its_longest_time_however_much_it_is_used(logged_in: Client, clock: Clock) -> None:
    for _ in range(MAX_S // 1000):
        clock.forward(1000)
        assert is_in(logged_in)
    clock.forward(1000)

    assert not is_in(logged_in)


def test_use_is_not_written_down_with_each_request(logged_in: Client, clock: Clock) -> None:
    clock.forward(30)

    with CaptureQueriesContext(connection) as queries:
        is_in(logged_in)

    assert not [query for query in queries if "UPDATE" in query["sql"] or "INSERT" in query["sql"]]


def test_session_without_a_login_is_left_alone(client: Client, clock: Clock) -> None:
    session = client.session
    session["language"] = "ko"
    session.save()
    clock.forward(MAX_S * 2)

    client.get(INDEX)

    assert client.session["language"] == "ko"


def test_login_from_before_the_upgrade_counts_from_now_on(logged_in: Client, clock: Clock) -> None:
    session = logged_in.session
    for name in ("login_began_at", "login_used_at"):
        del session[name]
    session.save()

    assert is_in(logged_in)
    clock.forward(IDLE_S + 1)
    assert not is_in(logged_in)


async def _asynchronously(user: User, clock: Clock) -> list[int]:
    client = AsyncClient()
    await client.aforce_login(user)
    answers = []
    for seconds in (0, 120, IDLE_S + 1):
        clock.forward(seconds)
        answers.append((await client.get(INDEX)).status_code)
    return answers


@pytest.mark.django_db(transaction=True)
def test_sessions_end_in_the_asgi_application_too(user: User, clock: Clock) -> None:
    assert async_to_sync(_asynchronously)(user, clock) == [200, 200, 302]


def test_cookies_are_kept_from_scripts_and_from_other_sites(user: User, client: Client) -> None:
    user.set_password("correct horse")
    user.save()

    page = client.get(reverse("web:login"))
    answer = client.post(reverse("web:login"), {"username": "kim", "password": "correct horse"})

    cookies: dict[str, Any] = {**page.cookies, **answer.cookies}
    assert set(cookies) == {"csrftoken", "sessionid"}
    for cookie in cookies.values():
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookies["sessionid"]["max-age"] == ""


def test_cookies_go_over_tls_alone_in_production() -> None:
    settings = settings_with(CHANGEOVER_ENV="production")

    assert settings["SESSION_COOKIE_SECURE"] == settings["CSRF_COOKIE_SECURE"] == "True"


def test_expired_sessions_are_forgotten_the_oldest_first_and_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "_MOST_AT_ONCE", 2)
    now = timezone.now()
    for hours in (-3, -1, -2, 1):
        ends_at = now + timedelta(hours=hours)
        Session.objects.create(session_key=str(hours), session_data="", expire_date=ends_at)

    assert sessions.forget_expired() == 2
    assert set(Session.objects.values_list("pk", flat=True)) == {"-1", "1"}
    assert [sessions.forget_expired() for _ in range(2)] == [1, 0]
    assert Session.objects.get().pk == "1"
