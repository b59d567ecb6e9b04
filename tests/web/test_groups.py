"""The groups that a migration makes."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection

pytestmark = pytest.mark.django_db
migration: Any = import_module("web.migrations.0001_groups")
webhooks: Any = import_module("web.migrations.0002_webhook_permissions")
of_generators: Any = import_module("web.migrations.0003_generator_rights")
EDITOR = SimpleNamespace(connection=connection)


@pytest.fixture(autouse=True)
def only_those_of_the_migrations() -> None:
    """Another test may have emptied the tables that the migrations filled."""
    Group.objects.all().delete()
    migration.create_groups(apps, EDITOR)
    webhooks.give(apps, EDITOR)
    of_generators.give(apps, EDITOR)


def rights_of(name: str) -> set[str]:
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=name))
    return user.get_all_permissions()


def test_viewer_only_sees() -> None:
    assert rights_of("Viewer") == {
        "llmconfigs.view_llmconfig",
        "generation.view_generationjob",
        "usage.view_usagerecord",
        "epochs.view_process",
        "apikeys.view_apikey",
        "webhooks.view_webhookendpoint",
        "webhooks.view_webhookdelivery",
        "generators.view_generator",
    }


def test_operator_works_but_approves_nothing_and_sees_no_trail() -> None:
    rights = rights_of("Operator")

    assert rights >= rights_of("Viewer")
    assert {
        "llmconfigs.activate_llmconfig",
        "llmconfigs.change_llmconfig",
        "generation.use_playground",
        "webhooks.add_webhookendpoint",
        "webhooks.change_webhookendpoint",
        "webhooks.change_webhookdelivery",
        "generators.change_generator",
        "generators.publish_generator",
    } <= rights
    assert not {"llmconfigs.approve_llmconfig", "audit.view_auditevent"} & rights


def test_approver_approves_and_changes_nothing() -> None:
    assert rights_of("Approver") - rights_of("Viewer") == {"llmconfigs.approve_llmconfig"}


def test_auditor_sees_and_exports_the_trail() -> None:
    assert rights_of("Auditor") - rights_of("Viewer") == {"audit.view_auditevent", "audit.export_auditevent"}


def test_group_that_exists_is_left_as_it_is() -> None:
    Group.objects.get(name="Operator").permissions.clear()

    migration.create_groups(apps, EDITOR)

    assert not Group.objects.get(name="Operator").permissions.exists()


def test_groups_go_when_the_migration_is_undone_except_those_with_members() -> None:
    User.objects.create_user("viktor").groups.add(Group.objects.get(name="Viewer"))

    migration.delete_unused_groups(apps, EDITOR)

    assert [group.name for group in Group.objects.all()] == ["Viewer"]


def test_later_permissions_go_to_groups_that_are_there_and_are_taken_back() -> None:
    Group.objects.get(name="Viewer").delete()
    before = set(Permission.objects.filter(group__name="Operator").values_list("codename", flat=True))

    webhooks.take(apps, EDITOR)
    left = set(Permission.objects.filter(group__name="Operator").values_list("codename", flat=True))
    webhooks.give(apps, EDITOR)

    assert before - left == webhooks.GROUPS["Operator"]
    assert set(Permission.objects.filter(group__name="Operator").values_list("codename", flat=True)) == before
    assert not Group.objects.filter(name="Viewer").exists()


def test_permission_rows_are_not_made_twice() -> None:
    before = Permission.objects.count()

    migration.create_groups(apps, EDITOR)

    assert Permission.objects.count() == before


def test_rights_are_taken_back_when_their_migration_is_undone() -> None:
    of_generators.take(apps, EDITOR)

    for name in of_generators.RIGHTS:
        assert not [right for right in rights_of(name) if right.startswith("generators.")]


def test_group_that_is_gone_is_not_made_for_its_rights() -> None:
    Group.objects.get(name="Operator").delete()

    of_generators.give(apps, EDITOR)

    assert not Group.objects.filter(name="Operator").exists()
