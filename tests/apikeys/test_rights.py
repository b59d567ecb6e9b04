"""A key of one's own never has more than its owner, from the moment it is made to the last request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError

from apikeys import issuing, rights
from apikeys.errors import SuspendedApiKey
from apikeys.issuing import IssuedKey
from apikeys.models import ApiKey, Scope
from tests.apikeys.calling import call_with
from tests.people import permission, user_with

PLAYGROUND = "generation.use_playground"
MANAGING = ("generation.view_generationjob", "generation.change_generationjob")


@pytest.mark.parametrize(
    ("permissions", "scopes"),
    [
        ((), ["read"]),
        ((PLAYGROUND,), ["generate", "read"]),
        (("generation.add_generationjob",), ["generate", "read"]),
        (MANAGING, ["read", "manage"]),
        (MANAGING[:1], ["read"]),
        (("apikeys.change_apikey",), ["read"]),
        (("webhooks.add_webhookendpoint",), ["read", "webhooks"]),
        (("webhooks.change_webhookendpoint",), ["read"]),
    ],
)
@pytest.mark.django_db
def test_scopes_follow_the_permissions(permissions: tuple[str, ...], scopes: list[str]) -> None:
    assert list(rights.rights_of(user_with(*permissions)).scopes) == scopes


@pytest.mark.django_db
def test_superuser_may_give_all_and_an_inactive_user_nothing() -> None:
    boss = User.objects.create_superuser("boss")
    assert set(rights.rights_of(boss).scopes) == set(Scope)

    boss.is_active = False
    assert rights.rights_of(boss).scopes == ()


@pytest.mark.django_db
def test_key_cannot_have_a_scope_that_its_owner_does_not_hold() -> None:
    with pytest.raises(ValidationError) as caught:
        issuing.issue(name="mine", scopes=["generate", "manage"], owner=user_with(PLAYGROUND))

    assert list(caught.value.message_dict) == ["scopes"]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("default", "own", "is_within"),
    [(10, None, True), (10, 10, True), (10, 11, False), (10, 0, False), (0, 0, True), (0, 10_000, True)],
)
@pytest.mark.parametrize("name", ["requests_per_minute", "concurrent_requests"])
@pytest.mark.django_db
def test_limits_are_not_wider_than_those_of_the_installation(
    settings: Any, name: str, default: int, own: int | None, is_within: bool
) -> None:
    setattr(settings, f"API_{name.upper()}", default)
    key = ApiKey(name="mine", scopes=["read"], **{name: own})

    assert _problems(user_with(), key) == ([] if is_within else [name])
    assert _problems(user_with("apikeys.change_apikey", name="admin"), key) == []


def _problems(user: User, key: ApiKey) -> list[str]:
    try:
        rights.require_within(rights.rights_of(user), key)
    except ValidationError as error:
        return list(error.message_dict)
    return []


def scopes_now(issued: IssuedKey) -> list[str]:
    scopes: list[str] = call_with({"x-api-key": issued.secret.reveal()}).scopes
    return scopes


def by_update(user: User, group: Group) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def by_form(user: User, group: Group) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize("deactivate", [by_update, by_form])
@pytest.mark.django_db(transaction=True)
def test_key_of_a_deactivated_owner_is_refused_until_they_are_active_again(
    deactivate: Callable[[User, Group], None],
) -> None:
    owner = user_with(PLAYGROUND)
    issued = issuing.issue(name="mine", scopes=["generate", "read"], owner=owner)
    assert scopes_now(issued) == ["generate", "read"]

    deactivate(owner, Group())
    with pytest.raises(SuspendedApiKey):
        scopes_now(issued)

    User.objects.update(is_active=True)
    assert scopes_now(issued) == ["generate", "read"]


@pytest.mark.parametrize(
    "take_away",
    [
        lambda owner, group: owner.groups.clear(),
        lambda owner, group: group.permissions.clear(),
        lambda owner, group: group.delete(),
        lambda owner, group: permission(PLAYGROUND).delete(),
    ],
    ids=["left the group", "the group lost it", "the group is gone", "the permission is gone"],
)
@pytest.mark.django_db(transaction=True)
def test_scope_goes_with_the_right_at_once(take_away: Callable[[User, Group], Any]) -> None:
    owner, group = user_with(), Group.objects.create(name="Users")
    group.permissions.add(permission(PLAYGROUND))
    owner.groups.add(group)
    issued = issuing.issue(name="mine", scopes=["generate", "read"], owner=User.objects.get())
    assert scopes_now(issued) == ["generate", "read"]

    take_away(owner, group)

    assert scopes_now(issued) == ["read"]
    issued.key.refresh_from_db()
    assert issued.key.scopes == ["generate", "read"]  # so it comes back with the right


@pytest.mark.parametrize("name", ["requests_per_minute", "concurrent_requests"])
@pytest.mark.django_db(transaction=True)
def test_limit_of_its_own_goes_with_the_right_to_a_wider_one(settings: Any, name: str) -> None:
    settings.API_REQUESTS_PER_MINUTE = settings.API_CONCURRENT_REQUESTS = 10
    owner = user_with("apikeys.change_apikey")
    wide = issuing.issue(name="wide", scopes=["read"], owner=owner, **{name: 0})
    narrow = issuing.issue(name="narrow", scopes=["read"], owner=owner, **{name: 3})
    assert (limit_now(wide, name), limit_now(narrow, name)) == (0, 3)

    owner.user_permissions.clear()

    assert (limit_now(wide, name), limit_now(narrow, name)) == (None, 3)


def limit_now(issued: IssuedKey, name: str) -> int | None:
    limit: int | None = getattr(call_with({"x-api-key": issued.secret.reveal()}), name)
    return limit


@pytest.mark.parametrize(
    "fields", [{}, {"is_superuser": True}, {"is_superuser": True, "is_active": False}], ids=str
)
@pytest.mark.django_db
def test_key_is_bound_to_what_its_owner_may_give(fields: dict[str, bool]) -> None:
    owner = user_with(PLAYGROUND, **fields)
    key = ApiKey(name="mine", scopes=list(Scope), owner=owner)

    rights.bind([key])

    assert tuple(key.scopes) == rights.rights_of(owner).scopes


@pytest.mark.django_db
def test_rights_of_many_owners_are_read_with_few_queries(django_assert_max_num_queries: Any) -> None:
    owners = [user_with(PLAYGROUND, name=f"user {number}") for number in range(10)]
    keys = [issuing.issue(name="mine", scopes=["generate"], owner=owner).key for owner in owners]
    found = list(ApiKey.objects.select_related("owner").order_by("pk"))

    with django_assert_max_num_queries(6):
        rights.bind(found)

    assert found == keys
    assert all(key.scopes == ["generate"] for key in found)


@pytest.mark.django_db(transaction=True)
def test_key_without_an_owner_depends_on_nobody() -> None:
    issued = issuing.issue(name="robot", scopes=["generate", "manage"])

    assert scopes_now(issued) == ["generate", "manage"]


@pytest.mark.django_db
def test_owner_of_a_key_cannot_be_deleted() -> None:
    owner = user_with()
    issuing.issue(name="mine", scopes=["read"], owner=owner)

    with pytest.raises((ProtectedError, IntegrityError)):
        owner.delete()
