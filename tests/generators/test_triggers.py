from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from generators import triggers
from generators.models import Generator
from generators.recording import CONTENT_FIELDS
from tests.audit.tampering import execute

from .rows import draft, published

pytestmark = pytest.mark.django_db
TABLE = "generators_generator"
OTHER_VALUES: dict[str, Any] = {
    "name": "other",
    "version": 7,
    "description": "other",
    "system_prompt": "other",
    "prompt_template": "other",
    "input_schema": {"type": "object"},
    "takes_messages": True,
    "output_kind": "json",
    "output_schema": {},
    "fence_language": "tsx",
    "allows_partial": True,
    "max_input_chars": 1,
    "max_output_chars": 1,
    "max_tokens": 1,
    "temperature": 0.5,
    "published_at": timezone.now(),
    "created_at": timezone.now(),
}


def refused() -> Any:
    return pytest.raises(IntegrityError, match="never changes")


def test_each_field_has_another_value_here() -> None:
    fixed = {field.name for field in Generator._meta.fields} - {*triggers.FREE, "id"}

    assert fixed == OTHER_VALUES.keys() >= set(CONTENT_FIELDS)


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_published_version_says_what_it_said(field: str) -> None:
    row = published()

    with refused(), transaction.atomic():
        Generator.objects.filter(pk=row.pk).update(**{field: OTHER_VALUES[field]})

    assert Generator.objects.filter(pk=row.pk).values().get() == row_values(row)


def row_values(row: Generator) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in Generator._meta.fields}


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.delete(),
        lambda row: Generator.objects.filter(pk=row.pk)._raw_delete("default"),
        lambda row: Generator.objects.filter(pk=row.pk).update(published_at=None, is_active=False),
        lambda row: execute(f"UPDATE {TABLE} SET prompt_template = 'other'"),
        lambda row: execute(f"UPDATE {TABLE} SET published_at = NULL, is_active = false"),
        lambda row: execute(f"UPDATE {TABLE} SET id = id + 1"),
        lambda row: execute(f"DELETE FROM {TABLE} WHERE id = %s", row.pk),
    ],
)
def test_published_version_stays(change: Callable[[Generator], object]) -> None:
    row = published()

    with refused(), transaction.atomic():
        change(row)

    assert Generator.objects.filter(pk=row.pk).values().get() == row_values(row)


def test_state_of_a_published_version_may_change() -> None:
    row = published()

    Generator.objects.filter(pk=row.pk).update(is_current=True, updated_at=timezone.now())
    Generator.objects.filter(pk=row.pk).update(is_active=False, is_current=False)

    assert not Generator.objects.get(pk=row.pk).is_active


def test_draft_changes_is_published_and_goes() -> None:
    row, other = draft(), draft(version=2)

    Generator.objects.filter(pk=row.pk).update(prompt_template="other", published_at=timezone.now())
    other.delete()

    assert [each.prompt_template for each in Generator.objects.filter(name="form")] == ["other"]


def test_order_of_names_in_a_schema_is_fixed_too() -> None:
    row = published(input_schema={"a": 1, "b": 2})

    with refused(), transaction.atomic():
        Generator.objects.filter(pk=row.pk).update(input_schema={"b": 2, "a": 1})


def test_row_is_not_put_in_the_place_of_a_published_one() -> None:
    published(system_prompt="before")
    values = "name, version, system_prompt"
    replace = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    columns = [field.column for field in Generator._meta.fields]
    kept = ", ".join(column for column in columns if column not in values.split(", "))

    with pytest.raises(IntegrityError), transaction.atomic():
        execute(
            f"{replace} INTO {TABLE} ({values}, {kept}) SELECT name, version, 'after', {kept} FROM {TABLE}"
        )

    assert Generator.objects.get(name="form").system_prompt == "before"


@pytest.mark.postgresql
def test_table_is_not_emptied_as_a_whole() -> None:
    published()

    with refused(), transaction.atomic():
        execute(f"TRUNCATE {TABLE}")


@pytest.mark.django_db(transaction=True)
def test_triggers_that_were_lost_are_back_after_migrate() -> None:
    row = published()
    for statement in triggers.dropping(connection):
        execute(statement)
    Generator.objects.filter(pk=row.pk).update(system_prompt="changed")

    call_command("migrate", verbosity=0)

    with refused():
        Generator.objects.filter(pk=row.pk).update(system_prompt="changed again")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round", [1, 2])
def test_tests_begin_without_the_published_versions_of_others(round: int) -> None:
    row = published()

    with refused():
        row.delete()
