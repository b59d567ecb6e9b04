from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from apikeys import issuing
from apikeys.issuing import IssuedKey
from apikeys.models import ApiKey
from apikeys.noting import UseNotes, note_uses

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued() -> IssuedKey:
    return issuing.issue(name="robot", scopes=["generate"])


def test_first_use_is_noted(issued: IssuedKey) -> None:
    note_uses([issued.key.pk])

    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    assert timezone.now() - noted < timedelta(seconds=10)


def test_use_within_a_minute_is_not_written_again(issued: IssuedKey) -> None:
    before = timezone.now() - timedelta(seconds=55)
    ApiKey.objects.update(last_used_at=before)

    note_uses([issued.key.pk])

    assert ApiKey.objects.get().last_used_at == before


def test_use_is_noted_again_after_a_minute(issued: IssuedKey) -> None:
    before = timezone.now() - timedelta(seconds=61)
    ApiKey.objects.update(last_used_at=before)

    note_uses([issued.key.pk])

    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    assert noted > before


def test_failure_to_note_a_use_is_not_the_callers_problem(issued: IssuedKey) -> None:
    def refuse_writes(execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            raise DatabaseError("read-only")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse_writes):
        note_uses([issued.key.pk])

    assert ApiKey.objects.get().last_used_at is None


def test_use_is_due_once_a_minute_for_each_key() -> None:
    now = 100.0
    notes = UseNotes(clock=lambda: now)
    one, other = 1, 2

    first = [notes.is_due(one), notes.is_due(one), notes.is_due(other)]
    now += 60

    assert first == [True, False, True]
    assert [notes.is_due(one), notes.is_due(one)] == [True, False]
