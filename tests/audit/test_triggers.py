from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from audit import trail, triggers
from audit.actions import Action
from audit.models import AuditEvent, Checkpoint
from tests.audit.tampering import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> AuditEvent:
    with transaction.atomic():
        return trail.record(Action.LOGIN)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda event: AuditEvent.objects.update(actor_name="nobody"),
        lambda event: AuditEvent.objects.all()._raw_delete("default"),
        lambda event: AuditEvent.objects.bulk_update([event], ["actor_name"]),
        lambda event: Checkpoint.objects.update(every=1_000_000),
        lambda event: Checkpoint.objects.all().delete(),
        lambda event: execute("UPDATE audit_auditevent SET number = number + 1"),
        lambda event: execute("DELETE FROM audit_auditevent"),
        lambda event: execute("DELETE FROM audit_checkpoint"),
    ],
)
def test_the_database_refuses_to_change_the_trail(
    event: AuditEvent, change: Callable[[AuditEvent], object]
) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        change(event)

    assert AuditEvent.objects.get().actor_name == event.actor_name
    assert Checkpoint.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE audit_auditevent",
        "TRUNCATE audit_checkpoint",
        "INSERT INTO audit_auditevent SELECT * FROM audit_auditevent "
        "ON CONFLICT (number) DO UPDATE SET actor_name = 'nobody'",
    ],
)
def test_postgresql_also_refuses(event: AuditEvent, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        execute(statement)


@pytest.mark.postgresql
def test_postgresql_also_refuses_where_other_triggers_are_off(event: AuditEvent) -> None:
    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            execute("DELETE FROM audit_auditevent")
        execute("SET LOCAL session_replication_role = origin")


def test_a_number_is_not_taken_twice(event: AuditEvent) -> None:
    replace = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    with pytest.raises(IntegrityError), transaction.atomic():
        execute(f"{replace} INTO audit_auditevent SELECT * FROM audit_auditevent")

    assert AuditEvent.objects.get() == event


@pytest.mark.django_db(transaction=True)
def test_triggers_that_were_lost_are_back_after_migrate(event: AuditEvent) -> None:
    for statement in triggers.dropping(connection):
        execute(statement)
    AuditEvent.objects.update(actor_name="changed")

    call_command("migrate", verbosity=0)

    with pytest.raises(IntegrityError, match="append-only"):
        AuditEvent.objects.update(actor_name="changed again")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round", [1, 2])
def test_tests_begin_with_an_empty_trail_that_is_guarded(round: int, event: AuditEvent) -> None:
    assert event.number == 1
    with pytest.raises(IntegrityError, match="append-only"):
        AuditEvent.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_flush_of_an_installation_is_refused(event: AuditEvent, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.management.commands import flush
    from django.core.management.sql import sql_flush

    monkeypatch.setattr(flush, "sql_flush", sql_flush)

    with pytest.raises(CommandError):
        call_command("flush", interactive=False, verbosity=0)

    assert AuditEvent.objects.get() == event
