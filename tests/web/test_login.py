"""The one way in, for the pages and for the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password=PASSWORD, is_staff=True)


@pytest.fixture
def uma() -> User:
    return User.objects.create_user("uma", password=PASSWORD)


def log_in(client: Client, user: User, target: str = "") -> str:
    answer = client.post("/login/", {"username": user.username, "password": PASSWORD, "next": target})
    assert answer.status_code == 302
    return answer["Location"]


def test_login_leads_to_the_start(client: Client, anna: User) -> None:
    assert log_in(client, anna) == "/"


def test_login_leads_back_to_the_page_that_asked_for_it(client: Client, anna: User) -> None:
    assert log_in(client, anna, "/admin/auth/user/?q=a") == "/admin/auth/user/?q=a"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "http:///evil.example",
        "javascript:alert(1)",
        "\thttps://evil.example/",
    ],
)
def test_login_leads_to_no_other_host(client: Client, anna: User, target: str) -> None:
    assert log_in(client, anna, target) == "/"


def test_login_with_a_wrong_password_says_so(client: Client, anna: User) -> None:
    answer = client.post("/login/", {"username": "anna", "password": "wrong"})

    assert answer.status_code == 200
    assert "message-error" in answer.text


def test_login_of_who_is_logged_in_leads_on(client: Client, anna: User) -> None:
    client.force_login(anna)

    assert client.get("/login/")["Location"] == "/"


@pytest.mark.parametrize("path", ["/admin/", "/admin/llmconfigs/llmconfig/", "/admin/desk/health/"])
def test_admin_sends_nobody_to_the_login(client: Client, path: str) -> None:
    answer = client.get(path, follow=True)

    assert answer.redirect_chain[-1][0] == f"/login/?next={path}"


def test_admin_login_leads_to_no_other_host(client: Client) -> None:
    answer = client.get("/admin/login/?next=https://evil.example/")

    assert answer["Location"] == "/login/?next=/admin/"


def test_admin_login_of_staff_leads_on(client: Client, anna: User) -> None:
    client.force_login(anna)

    assert client.get("/admin/login/?next=/admin/auth/user/")["Location"] == "/admin/auth/user/"


def test_admin_tells_a_user_who_is_no_staff_what_to_do(client: Client, uma: User) -> None:
    client.force_login(uma)

    answer = client.get("/admin/", follow=True)

    assert answer.status_code == 403
    assert "Ask an administrator" in answer.text


def test_admin_takes_no_login_of_its_own(client: Client, anna: User) -> None:
    client.post("/admin/login/", {"username": "anna", "password": PASSWORD})

    assert "_auth_user_id" not in client.session


def test_logout_needs_a_post(client: Client, anna: User) -> None:
    client.force_login(anna)

    assert client.get("/logout/").status_code == 405
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize("path", ["/logout/", "/admin/logout/"])
def test_logout_leads_to_the_login(client: Client, anna: User, path: str) -> None:
    client.force_login(anna)

    answer = client.post(path)

    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert "_auth_user_id" not in client.session


def test_logout_leads_to_no_other_host(client: Client, anna: User) -> None:
    client.force_login(anna)

    assert client.post("/logout/", {"next": "https://evil.example/"})["Location"] == "/login/"


def test_password_is_changed_by_oneself(client: Client, uma: User) -> None:
    client.force_login(uma)
    new = "another horse battery"

    client.post("/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})

    uma.refresh_from_db()
    assert uma.check_password(new)
    assert "_auth_user_id" in client.session


def test_password_of_the_admin_is_the_same_page(client: Client, anna: User) -> None:
    client.force_login(anna)

    assert client.get("/admin/password_change/")["Location"] == "/password/"


def test_part_of_a_page_sends_the_whole_page_to_the_login(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/?x=1"}

    answer = client.get("/admin/desk/", headers=headers, follow=True)

    assert answer.status_code == 200
    assert answer["HX-Redirect"] == "/login/?next=/admin/%3Fx%3D1"


def test_part_of_a_page_is_sent_to_no_other_host(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/admin/"}

    answer = client.get("/password/", headers=headers)

    assert answer["HX-Redirect"] == "/login/?next=/"
