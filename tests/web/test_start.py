from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.people import user_with

pytestmark = pytest.mark.django_db


def test_start_of_nobody_is_the_login() -> None:
    answer = Client().get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/")


def test_start_of_a_user_is_what_they_may_use(client: Client) -> None:
    client.force_login(user_with("generation.use_playground", name="mina"))
    assert client.get("/")["Location"] == "/playground/"

    client.force_login(user_with(name="noa"))
    assert client.get("/")["Location"] == "/jobs/"


def test_start_of_staff_is_the_admin(client: Client) -> None:
    client.force_login(User.objects.create_user("anna", is_staff=True))

    answer = client.get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
