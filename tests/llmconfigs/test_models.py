from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from llmbackends.errors import AddressNotAllowed, RemoteNotAllowed
from llmconfigs import activation
from llmconfigs.models import LLMConfig

from .actors import KIM
from .conftest import MakeConfig


def test_second_active_row_is_refused_by_the_database(make_config: MakeConfig) -> None:
    make_config("first", is_active=True)

    with pytest.raises(IntegrityError):
        make_config("second", is_active=True)


def test_many_rows_may_be_inactive(make_config: MakeConfig) -> None:
    make_config("first")
    make_config("second")

    assert LLMConfig.objects.active().count() == 0


def test_name_is_unique(make_config: MakeConfig) -> None:
    make_config("same")

    with pytest.raises(IntegrityError):
        make_config("same")


def test_version_begins_at_one_and_counts_each_save(make_config: MakeConfig) -> None:
    config = make_config()
    before = config.version

    config.save()
    config.save(update_fields=["name"])

    assert (before, config.version) == (1, 3)
    assert LLMConfig.objects.get().version == 3


def test_version_counts_saves_of_two_copies_of_one_row(make_config: MakeConfig) -> None:
    make_config()
    one, other = LLMConfig.objects.get(), LLMConfig.objects.get()

    one.save()
    other.save()

    assert LLMConfig.objects.get().version == 3


@pytest.mark.parametrize("arguments", [{}, {"update_fields": ["name"]}])
def test_save_of_a_deleted_row_fails_and_leaves_the_version_a_number(
    make_config: MakeConfig, arguments: dict[str, Any]
) -> None:
    config = make_config()
    LLMConfig.objects.all().delete()

    with transaction.atomic(), pytest.raises(DatabaseError, match="did not affect any rows"):
        config.save(**arguments)

    assert config.version == 1


def test_save_of_some_fields_also_updates_the_time(make_config: MakeConfig) -> None:
    config = make_config()
    created = config.updated_at

    config.save(update_fields=["name"])

    assert LLMConfig.objects.get().updated_at > created


def test_copy_of_a_row_is_a_new_row(make_config: MakeConfig) -> None:
    copied = make_config("original")

    copied.pk, copied.name = None, "copy"
    copied.save()

    assert LLMConfig.objects.count() == 2


@pytest.mark.parametrize(
    "values",
    [
        {"provider": "groq"},
        {"provider": "http-generic", "endpoint_url": "https://8.8.8.8"},
        {"provider": "vllm", "endpoint_url": "http://169.254.169.254"},
    ],
)
def test_save_refuses_what_the_policy_forbids(
    make_config: MakeConfig, settings: Any, values: dict[str, str]
) -> None:
    stored = make_config("stored")
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises((RemoteNotAllowed, AddressNotAllowed)):
        make_config("new", **values)
    for name, value in values.items():
        setattr(stored, name, value)
    with pytest.raises((RemoteNotAllowed, AddressNotAllowed)):
        stored.save(update_fields=list(values))

    assert [(config.name, config.provider) for config in LLMConfig.objects.all()] == [("stored", "dummy")]


@pytest.mark.parametrize(
    "values",
    [
        {"provider": "vllm"},
        {"provider": "http-generic", "endpoint_url": "http://gpu.internal"},
        {"provider": "nonesuch"},
    ],
)
def test_save_takes_what_sends_nothing_outside(
    make_config: MakeConfig, settings: Any, values: dict[str, str]
) -> None:
    settings.LLM_ALLOW_REMOTE = False

    make_config(**values)

    assert LLMConfig.objects.get().provider == values["provider"]


def test_save_of_a_row_leaves_the_activation_to_those_who_activate(make_config: MakeConfig) -> None:
    config = make_config("mine")
    read_before = LLMConfig.objects.get(pk=config.pk)
    activation.activate(config, by=KIM)

    read_before.model_name = "other"
    read_before.save()

    stored = LLMConfig.objects.get(pk=config.pk)
    assert (stored.is_active, stored.model_name) == (True, "other")


def test_save_of_a_row_that_was_read_in_part_writes_only_that_part(make_config: MakeConfig) -> None:
    config = make_config("mine", model_name="former")
    in_part = LLMConfig.objects.defer("model_name").get(pk=config.pk)
    LLMConfig.objects.filter(pk=config.pk).update(model_name="later")

    in_part.save()

    assert LLMConfig.objects.get(pk=config.pk).model_name == "later"
