from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from audit import keys, trail
from audit.actions import Action
from audit.models import AuditEvent
from audit.stored import verify_stored
from tests.audit.beside import beside
from tests.audit.events import actions, the_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("kim", password="first password", is_staff=True)


@pytest.fixture
def group() -> Group:
    return Group.objects.create(name="Operators")


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def test_new_user_is_recorded_with_rank(user: User) -> None:
    event = the_event(Action.USER_CREATED)

    assert (event.subject_kind, event.subject_id, event.subject_name) == ("user", str(user.pk), "kim")
    assert event.details == {"is_active": True, "is_staff": True, "is_superuser": False}
    assert actions() == [Action.USER_CREATED]


def test_changed_user_is_recorded_with_what_changed(user: User) -> None:
    user.is_superuser, user.email = True, "kim@example.org"
    user.save()

    assert the_event(Action.USER_CHANGED).details["changes"] == {
        "email": {"from": "", "to": "kim@example.org"},
        "is_superuser": {"from": False, "to": True},
    }


def test_what_was_not_saved_is_not_recorded(user: User) -> None:
    user.is_superuser, user.email = True, "kim@example.org"
    user.save(update_fields=["email"])
    user.refresh_from_db()
    user.save()

    assert list(the_event(Action.USER_CHANGED).details["changes"]) == ["email"]


def test_new_password_is_recorded_without_any_word_of_it(user: User) -> None:
    user.set_password("hunter2")
    user.save()

    assert the_event(Action.PASSWORD_CHANGED).details == {}
    recorded = str(list(AuditEvent.objects.values()))
    assert "hunter2" not in recorded
    assert user.password not in recorded


def test_password_hash_that_was_set_directly_is_recorded(user: User) -> None:
    user.password = make_password("hunter2")
    user.save()

    assert the_event(Action.PASSWORD_CHANGED).subject_name == "kim"


def test_same_password_hashed_anew_is_no_new_password(user: User) -> None:
    user.password = make_password("first password", hasher="pbkdf2_sha256")
    user.save(update_fields=["username"])
    User.objects.update(password=user.password)
    user.refresh_from_db()

    assert user.check_password("first password")

    assert user.password.startswith("md5")
    assert actions() == [Action.USER_CREATED]


def test_last_login_is_no_change_of_the_user(user: User, django_assert_num_queries) -> None:
    with django_assert_num_queries(3):  # a savepoint and the update
        user.save(update_fields=["last_login"])

    assert actions() == [Action.USER_CREATED]


def test_deleted_user_is_recorded(user: User) -> None:
    pk = user.pk
    user.delete()

    assert the_event(Action.USER_DELETED).subject_id == str(pk)


def test_groups_are_recorded(group: Group) -> None:
    group.name = "Approvers"
    group.save()
    group.delete()

    assert actions() == [Action.GROUP_CREATED, Action.GROUP_CHANGED, Action.GROUP_DELETED]
    assert the_event(Action.GROUP_CHANGED).details == {
        "changes": {"name": {"from": "Operators", "to": "Approvers"}}
    }


def test_groups_of_a_user_are_recorded_from_either_side(user: User, group: Group) -> None:
    other = Group.objects.create(name="Auditors")

    user.groups.add(group)
    other.user_set.add(user)
    user.groups.remove(group)
    user.groups.clear()

    changes = [
        event.details["changes"]["groups"]
        for event in AuditEvent.objects.filter(action=Action.PERMISSIONS_CHANGED).order_by("number")
    ]
    assert changes == [
        {"from": [], "to": ["Operators"]},
        {"from": ["Operators"], "to": ["Auditors", "Operators"]},
        {"from": ["Auditors", "Operators"], "to": ["Auditors"]},
        {"from": ["Auditors"], "to": []},
    ]


def test_group_that_loses_all_users_is_recorded_for_each(user: User, group: Group) -> None:
    other = User.objects.create_user("lee")
    group.user_set.set([user, other])
    group.user_set.clear()

    events = AuditEvent.objects.filter(action=Action.PERMISSIONS_CHANGED).order_by("number")
    assert [event.subject_name for event in events] == ["kim", "lee", "kim", "lee"]


def test_permissions_of_users_and_groups_are_recorded(user: User, group: Group) -> None:
    user.user_permissions.set([permission("view_auditevent")])
    group.permissions.set([permission("view_apikey"), permission("add_apikey")])

    of_user, of_group = AuditEvent.objects.filter(action=Action.PERMISSIONS_CHANGED).order_by("number")
    assert (of_user.subject_kind, of_group.subject_kind) == ("user", "group")
    assert of_user.details["changes"]["permissions"] == {"from": [], "to": ["audit.view_auditevent"]}
    assert of_group.details["changes"]["permissions"]["to"] == ["apikeys.add_apikey", "apikeys.view_apikey"]


def test_links_that_were_there_already_are_no_change(user: User, group: Group) -> None:
    user.groups.add(group)
    user.groups.add(group)
    user.groups.set([group])

    assert actions().count(Action.PERMISSIONS_CHANGED) == 1


def test_admin_records_who_changed_whom(admin_client: Client, user: User, group: Group) -> None:
    form = {"username": "kim", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    form |= dict.fromkeys(["last_login_0", "last_login_1"], "")
    form |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00", "first_name": "Kim"}

    answer = admin_client.post(reverse("admin:auth_user_change", args=[user.pk]), form)

    assert answer.status_code == 302
    events = AuditEvent.objects.filter(actor_name="admin", subject_name="kim").order_by("number")
    assert [event.action for event in events] == [Action.USER_CHANGED, Action.PERMISSIONS_CHANGED]
    assert list(events[0].details["changes"]) == ["first_name"]


def test_admin_records_a_deletion_of_many(admin_client: Client, user: User) -> None:
    other = User.objects.create_user("lee")
    data = {"action": "delete_selected", "_selected_action": [user.pk, other.pk], "post": "yes"}

    admin_client.post(reverse("admin:auth_user_changelist"), data)

    deleted = AuditEvent.objects.filter(action=Action.USER_DELETED, actor_name="admin")
    assert {event.subject_name for event in deleted} == {"kim", "lee"}


def test_own_new_password_is_recorded(client: Client, user: User) -> None:
    client.force_login(user)
    form = {"old_password": "first password"} | dict.fromkeys(
        ["new_password1", "new_password2"], "Zx9 !qwv 77"
    )

    client.post(reverse("web:password_change"), form)

    assert the_event(Action.PASSWORD_CHANGED).actor_name == "kim"


def test_commands_are_recorded() -> None:
    call_command("createsuperuser", username="root", email="", interactive=False, verbosity=0)

    assert the_event(Action.USER_CREATED).details["is_superuser"] is True


@pytest.mark.django_db(transaction=True)
def test_no_change_is_stored_without_its_event(
    user: User, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("full disk")

    monkeypatch.setattr(trail, "record", fail)
    user.is_superuser = True
    for change in (
        user.save,
        user.delete,
        lambda: User.objects.create_user("lee"),
        lambda: user.groups.add(group),
        lambda: group.user_set.add(user),
        group.delete,
    ):
        with pytest.raises(RuntimeError, match="full disk"):
            change()

    stored = User.objects.get()
    assert not stored.is_superuser
    assert not stored.groups.exists()
    assert Group.objects.filter(pk=group.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_changes_in_one_transaction_go_back_together(user: User, group: Group) -> None:
    with transaction.atomic():
        user.groups.add(group)
        transaction.set_rollback(True)

    assert Action.PERMISSIONS_CHANGED not in actions()
    assert verify_stored(keys.trusted()).faults == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_transactions_that_change_the_same_people_in_any_order_wait_and_do_not_deadlock(group: Group) -> None:
    people = [User.objects.create_user(name) for name in ("kim", "lee")]

    def change(thread: int) -> None:
        order = people if thread % 2 else people[::-1]
        for number in range(5):
            with transaction.atomic():
                for person in order:
                    User.objects.get(pk=person.pk).groups.set([group] if number % 2 else [])
                    mine = User.objects.get(pk=person.pk)
                    mine.first_name = f"{thread} {number}"
                    mine.save()

    beside(change)

    assert verify_stored(keys.trusted()).faults == []
