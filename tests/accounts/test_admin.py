"""Who may change users gives, and takes over, no more than they hold."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from tests.people import permission, user_with
from tests.web.html import Page

pytestmark = pytest.mark.django_db

MANAGING = ("auth.view_user", "auth.add_user", "auth.change_user", "auth.delete_user")
MANAGING_GROUPS = ("auth.view_group", "auth.add_group", "auth.change_group", "auth.delete_group")
OWN, OTHER = "llmconfigs.view_llmconfig", "llmconfigs.approve_llmconfig"
CHANGE, ADD = "admin:auth_user_change", "admin:auth_user_add"


@pytest.fixture
def manager() -> User:
    return user_with(*MANAGING, *MANAGING_GROUPS, OWN, name="manager", is_staff=True)


@pytest.fixture
def browser(manager: User) -> Client:
    client = Client()
    client.force_login(manager)
    return client


@pytest.fixture
def clerk() -> User:
    return user_with(OWN, name="clerk", is_staff=True)


def group_with(*permissions: str) -> Group:
    group = Group.objects.create(name="-".join(permissions))
    group.permissions.set(map(permission, permissions))
    return group


def change(client: Client, row: User | Group, **values: Any) -> Any:
    """Sends the form of the page with these values."""
    kind = row._meta.model_name
    address = reverse(f"admin:auth_{kind}_change", args=[row.pk])
    forms = Page(client.get(address)).forms
    [form] = [form for form in forms if form.attributes.get("id") == f"{kind}_form"]
    return client.post(address, {**form.values, **values})


def test_manager_gives_what_they_hold(browser: Client) -> None:
    other, group = user_with(name="other"), group_with(OWN)

    response = change(browser, other, user_permissions=[permission(OWN).pk], groups=[group.pk])

    assert response.status_code == 302
    assert list(other.user_permissions.all()) == [permission(OWN)]
    assert list(other.groups.all()) == [group]


@pytest.mark.parametrize("field", ["user_permissions", "groups"])
def test_manager_gives_nothing_else(browser: Client, clerk: User, field: str) -> None:
    given = {"user_permissions": permission(OTHER), "groups": group_with(OWN, OTHER)}[field]

    response = change(browser, clerk, **{field: [given.pk]})

    assert response.status_code == 200
    assert "Select a valid choice" in response.content.decode()
    assert not getattr(clerk, field).filter(pk=given.pk).exists()


def test_manager_makes_no_superuser(browser: Client, manager: User, clerk: User) -> None:
    for user in (manager, clerk):
        change(browser, user, is_superuser="on")

    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("above", ["superuser", "by permission", "by group"])
def test_manager_cannot_take_over_who_holds_more(browser: Client, above: str, is_active: bool) -> None:
    if above == "superuser":
        user = User.objects.create_superuser("above", is_active=is_active)
    else:
        user = user_with(*([OTHER] if above == "by permission" else []), name="above", is_active=is_active)
        user.groups.set([group_with(OTHER)] if above == "by group" else [])
    pages = ("change", "delete", "password_change")

    answers = [
        browser.post(reverse(f"admin:auth_user_{page}", args=[user.pk]), {"post": "yes"}) for page in pages
    ]
    selected = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    answers.append(browser.post(reverse("admin:auth_user_changelist"), selected))

    assert [answer.status_code for answer in answers] == [403] * 4
    assert User.objects.filter(pk=user.pk).exists()


def test_manager_sees_who_holds_more(browser: Client) -> None:
    above = User.objects.create_superuser("above")

    response = browser.get(reverse(CHANGE, args=[above.pk]))

    assert response.status_code == 200
    assert "_save" not in response.content.decode()


def test_manager_sets_the_password_of_who_holds_less(browser: Client, clerk: User) -> None:
    passwords = {"password1": "a-password-4711", "password2": "a-password-4711", "usable_password": "true"}

    browser.post(reverse("admin:auth_user_password_change", args=[clerk.pk]), passwords)

    clerk.refresh_from_db()
    assert clerk.check_password("a-password-4711")


def test_manager_changes_groups_within_their_rights(browser: Client) -> None:
    within, above = group_with(OWN), group_with(OTHER)

    changed = change(browser, within, name="renamed", permissions=[permission(OWN).pk])
    widened = change(browser, within, permissions=[permission(OWN).pk, permission(OTHER).pk])
    refused = browser.post(reverse("admin:auth_group_change", args=[above.pk]), {"name": "mine"})

    assert (changed.status_code, widened.status_code, refused.status_code) == (302, 200, 403)
    assert list(within.permissions.all()) == [permission(OWN)]


def test_superuser_may_do_all_of_it(admin_client: Client, clerk: User) -> None:
    everything = list(Permission.objects.values_list("pk", flat=True))

    response = change(admin_client, clerk, is_superuser="on", user_permissions=everything)

    clerk.refresh_from_db()
    assert response.status_code == 302
    assert clerk.is_superuser
    assert clerk.user_permissions.count() == len(everything)
