"""What is written into the address of a list by hand."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/admin/llmconfigs/llmconfig/?api_key__startswith=g",
        "/admin/llmconfigs/llmconfig/?api_key__regex=^g",
        "/admin/apikeys/apikey/?digest__startswith=0",
    ],
)
def test_column_that_is_never_shown_is_not_asked_for(browser: Client, address: str) -> None:
    assert browser.get(address).status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        *(f"/admin/audit/auditevent/?{name}=%00" for name in ("actor", "action", "subject", "q")),
        *(f"/admin/usage/usagerecord/?{name}=%00" for name in ("route", "config", "user", "q")),
        f"/admin/audit/auditevent/{'9' * 5000}/change/",
    ],
)
def test_what_no_row_can_hold_finds_nothing(browser: Client, address: str) -> None:
    assert browser.get(address, follow=True).status_code == 200
