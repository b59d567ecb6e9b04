"""Each error has a page in the theme that says what to do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client


def is_themed(html: str) -> bool:
    return "changeover/theme.css" in html and 'class="bar"' in html


@pytest.mark.django_db
def test_page_that_is_not_there(client: Client) -> None:
    answer = client.get("/no/such/page/")

    assert answer.status_code == 404
    assert is_themed(answer.text)
    assert "/no/such/page/" not in answer.text.partition("<main")[2]


def test_host_that_is_not_ours(client: Client) -> None:
    answer = client.get("/login/", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert is_themed(answer.text)
    assert "evil.example" not in answer.text


@pytest.mark.django_db
def test_form_without_its_token() -> None:
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "a", "password": "b"})

    assert answer.status_code == 403
    assert is_themed(answer.text)
    assert "load the page again" in answer.text


@pytest.mark.django_db
def test_page_that_is_not_allowed(client: Client) -> None:
    client.force_login(User.objects.create_user("viktor", is_staff=True))

    answer = client.get("/admin/auth/user/")

    assert answer.status_code == 403
    assert is_themed(answer.text)
    assert "no permission" in answer.text


def test_fault_of_ours_needs_no_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("web.accounts.redirect", None)
    client.cookies["sessionid"] = "any"

    answer = client.get("/")  # whose session cannot be read: this test has no database

    assert answer.status_code == 500
    assert is_themed(answer.text)
    assert connection.connection is None or not connection.in_atomic_block


@pytest.mark.parametrize("name", ["400.html", "500.html"])
def test_page_without_a_request_is_whole(name: str) -> None:
    assert is_themed(render_to_string(name))
