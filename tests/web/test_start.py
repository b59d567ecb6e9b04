from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db


def test_start_of_nobody_is_the_login() -> None:
    answer = Client().get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/")


def test_start_of_staff_is_the_admin(client: Client) -> None:
    client.force_login(User.objects.create_user("anna", is_staff=True))

    answer = client.get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
