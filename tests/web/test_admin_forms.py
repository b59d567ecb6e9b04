from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_date_and_time_of_the_admin_have_labels(admin_client: Client, admin_user: User) -> None:
    html = admin_client.get(reverse("admin:auth_user_change", args=[admin_user.pk])).text

    assert '<label class="datetime-part" for="id_last_login_0">' in html
