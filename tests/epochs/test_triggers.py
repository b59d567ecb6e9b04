from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from apikeys.noting import note_uses
from audit.context import SYSTEM
from epochs.models import Epoch
from epochs.subjects import WATCHES, Subject
from epochs.triggers import after_migrate
from llmconfigs import activation
from llmconfigs.models import LLMConfig
from tests.epochs.support import execute, moves, number_of, running_beside
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def config() -> LLMConfig:
    config: LLMConfig = LLMConfig.objects.create(name="some", provider="dummy")
    return config


@pytest.fixture
def key() -> ApiKey:
    return issuing.issue(name="robot", scopes=["generate"]).key


def triggers() -> dict[str, set[str]]:
    """Those of the epochs, by their tables."""
    sql = {
        "postgresql": "SELECT event_object_table, trigger_name FROM information_schema.triggers",
        "sqlite": "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'",
    }
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql[connection.vendor])
        for table, name in cursor.fetchall():
            if name.startswith("epochs_"):
                found.setdefault(table, set()).add(name)
    return found


def test_watched_tables_are_those_that_count() -> None:
    assert set(triggers()) == {
        "llmconfigs_llmconfig",
        "apikeys_apikey",
        "auth_user",
        "auth_user_groups",
        "auth_user_user_permissions",
        "auth_group",
        "auth_group_permissions",
        "generators_generator",
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda config: LLMConfig.objects.create(name="another", provider="dummy"),
        lambda config: config.save(),
        lambda config: config.delete(),
        lambda config: activation.activate(config, by=SYSTEM.actor),
        lambda config: LLMConfig.objects.update(is_active=True),
        lambda config: LLMConfig.objects.filter(pk=config.pk).update(model_name="other"),
        lambda config: LLMConfig.objects.bulk_update([config], ["options"]),
        lambda config: LLMConfig.objects.filter(pk=config.pk)._raw_delete("default"),
        lambda config: execute("UPDATE llmconfigs_llmconfig SET max_retries = 7"),
        lambda config: execute("DELETE FROM llmconfigs_llmconfig"),
    ],
)
def test_every_change_of_a_configuration_moves_its_epoch(
    config: LLMConfig, change: Callable[[LLMConfig], object]
) -> None:
    keys_before = number_of(Subject.KEYS)

    assert moves(Subject.CONFIGS, lambda: change(config))
    assert number_of(Subject.KEYS) == keys_before


def test_deactivation_moves_the_epoch(config: LLMConfig) -> None:
    activation.activate(config, by=SYSTEM.actor)

    assert moves(Subject.CONFIGS, lambda: activation.deactivate(config, by=SYSTEM.actor))


@pytest.mark.parametrize(
    "change",
    [
        lambda key: issuing.issue(name="another", scopes=["read"]),
        issuing.reissue,
        issuing.revoke,
        lambda key: key.save(),
        lambda key: key.delete(),
        lambda key: ApiKey.objects.update(scopes=["manage"]),
        lambda key: ApiKey.objects.update(expires_at=timezone.now(), last_used_at=timezone.now()),
        lambda key: execute("UPDATE apikeys_apikey SET revoked_at = %s", timezone.now()),
        lambda key: execute("DELETE FROM apikeys_apikey"),
    ],
)
def test_every_change_of_a_key_moves_its_epoch(key: ApiKey, change: Callable[[ApiKey], object]) -> None:
    configs_before = number_of(Subject.CONFIGS)

    assert moves(Subject.KEYS, lambda: change(key))
    assert number_of(Subject.CONFIGS) == configs_before


@pytest.mark.parametrize(
    "change",
    [
        lambda user, group, permission: user.save(),
        lambda user, group, permission: User.objects.update(is_active=False),
        lambda user, group, permission: execute("UPDATE auth_user SET is_superuser = NOT is_superuser"),
        lambda user, group, permission: user.groups.remove(group),
        lambda user, group, permission: user.user_permissions.add(permission),
        lambda user, group, permission: group.permissions.set([permission]),
        lambda user, group, permission: group.save(),
        lambda user, group, permission: group.delete(),
    ],
)
def test_every_change_of_what_an_owner_may_do_moves_the_epoch_of_the_keys(
    change: Callable[..., object],
) -> None:
    user = User.objects.create_user("owner")
    group = Group.objects.create(name="Some")
    user.groups.add(group)
    permission = Permission.objects.order_by("pk")[0]

    assert moves(Subject.KEYS, lambda: change(user, group, permission))


def test_login_does_not_move_the_epoch(client: Client) -> None:
    user = User.objects.create_user("owner")

    assert not moves(Subject.KEYS, lambda: client.force_login(user))
    user.refresh_from_db()
    assert user.last_login is not None


def test_use_of_a_key_does_not_move_the_epoch(key: ApiKey) -> None:
    assert not moves(Subject.KEYS, lambda: note_uses([key.pk]))
    key.refresh_from_db()
    assert key.last_used_at is not None


def test_change_beside_the_note_of_a_use_moves_the_epoch(key: ApiKey) -> None:
    def note_and_revoke() -> None:
        with transaction.atomic():
            note_uses([key.pk])
            issuing.revoke(key)

    assert moves(Subject.KEYS, note_and_revoke)


def test_epoch_goes_back_with_the_transaction_that_moved_it(config: LLMConfig) -> None:
    def change_and_roll_back() -> None:
        with transaction.atomic():
            config.save()
            transaction.set_rollback(True)

    assert not moves(Subject.CONFIGS, change_and_roll_back)


def test_missing_epoch_begins_with_the_time_and_so_never_repeats_a_number(config: LLMConfig) -> None:
    before = number_of(Subject.CONFIGS)
    Epoch.objects.all().delete()

    config.save()

    assert number_of(Subject.CONFIGS) > before - 2_000  # SQLite's clock has milliseconds
    assert number_of(Subject.CONFIGS) / 1e6 == pytest.approx(timezone.now().timestamp(), abs=60)


def test_epoch_moves_forward_when_the_clock_goes_back(config: LLMConfig) -> None:
    future = number_of(Subject.CONFIGS) + 10**15
    Epoch.objects.filter(subject=Subject.CONFIGS).update(number=future)

    config.save()

    assert number_of(Subject.CONFIGS) == future + 1


@pytest.mark.postgresql
def test_truncating_a_table_moves_its_epoch(config: LLMConfig) -> None:
    assert moves(Subject.CONFIGS, lambda: execute("TRUNCATE llmconfigs_llmconfig CASCADE"))


@pytest.mark.postgresql
def test_epoch_moves_whatever_the_search_path_of_the_session(config: LLMConfig) -> None:
    def change() -> None:
        execute("SET LOCAL search_path = ''")
        execute("UPDATE public.llmconfigs_llmconfig SET max_retries = 7")
        execute("SET LOCAL search_path = public")

    assert moves(Subject.CONFIGS, change)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "column",
    ["llmconfigs_llmconfig ALTER provider", "apikeys_apikey ALTER last_used_at", "apikeys_apikey ALTER name"],
)
def test_column_of_a_watched_table_can_change_its_type(column: str) -> None:
    with transaction.atomic():
        execute(f"ALTER TABLE {column} TYPE text")
        transaction.set_rollback(True)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_migrate_while_configurations_are_activated_deadlocks_with_none(config: LLMConfig) -> None:
    other = LLMConfig.objects.create(name="other", provider="dummy")
    activated = 0

    def activate_in_turn(stop: threading.Event) -> None:
        nonlocal activated
        while not stop.is_set():
            activation.activate(config, by=SYSTEM.actor)
            activation.activate(other, by=SYSTEM.actor)
            activated += 1

    with running_beside(activate_in_turn, threads=1):
        wait_until(lambda: activated)
        for _ in range(30):
            after_migrate(using="default")

    assert activated > 1


@pytest.mark.django_db(transaction=True)
def test_triggers_that_were_lost_are_back_after_migrate_and_the_epochs_have_moved() -> None:
    there = triggers()
    for watch in WATCHES:
        for name in there[watch.table]:
            on_table = f" ON {watch.table}" if connection.vendor == "postgresql" else ""
            execute(f"DROP TRIGGER {name}{on_table}")
    lost = triggers()
    before = {subject: number_of(subject) for subject in Subject}

    call_command("migrate", verbosity=0)

    assert lost == {}
    assert triggers() == there
    assert all(number_of(subject) > number for subject, number in before.items())


@pytest.mark.django_db(transaction=True)
def test_tables_can_be_changed_without_the_epochs(config: LLMConfig) -> None:
    execute("ALTER TABLE epochs_epoch RENAME TO set_aside")
    after_migrate(using="default")
    try:
        without_epochs = triggers()
        config.save()
    finally:
        execute("ALTER TABLE set_aside RENAME TO epochs_epoch")
        after_migrate(using="default")

    assert without_epochs == {}
    assert set(triggers()) == {watch.table for watch in WATCHES}
