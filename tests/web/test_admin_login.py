"""The admin's way in is that of all pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db
ADMIN_LOGIN = reverse("admin:login")


def test_admin_login_sends_a_stranger_to_the_login_and_back_to_the_admin(client: Client) -> None:
    response = client.get(ADMIN_LOGIN)

    assert response.status_code == 302
    assert response.headers["Location"] == f"{reverse('web:login')}?next={reverse('admin:index')}"


def test_admin_login_sends_staff_who_are_logged_in_to_the_admin(admin_client: Client) -> None:
    assert admin_client.get(ADMIN_LOGIN).headers["Location"] == reverse("admin:index")


def test_admin_login_refuses_who_is_no_staff(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk"))

    assert client.get(ADMIN_LOGIN).status_code == 403
