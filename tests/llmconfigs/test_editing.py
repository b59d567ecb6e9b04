from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.actions import Action
from audit.models import AuditEvent
from llmbackends.errors import RemoteNotAllowed
from llmbackends.secret import Secret
from llmconfigs import activation, editing, requests
from llmconfigs.errors import ActiveConfigLocked, ConfigGone
from llmconfigs.models import Activation, ActivationRequest, HealthNote, LLMConfig

from .actors import KIM, LEE
from .conftest import MakeConfig
from .pages import key_of


def last_event() -> AuditEvent:
    return AuditEvent.objects.get(number=AuditEvent.objects.count())


def stored(config: LLMConfig) -> LLMConfig:
    found: LLMConfig = LLMConfig.objects.get(pk=config.pk)
    return found


def test_create_stores_the_row_and_who_made_it(db: None) -> None:
    config = LLMConfig(name="new", provider="dummy")

    editing.create(config, by=KIM)

    assert (config.edited_by_id, config.edited_by_name) == (101, "kim")
    assert stored(config).editors == [{"id": 101, "name": "kim"}]


def test_create_is_recorded_with_its_values_and_no_secret(db: None) -> None:
    options = {"context_size": 512, "headers": {"Authorization": "sk-marker"}}
    config = LLMConfig(name="new", provider="vllm", api_key=Secret("sk-marker"), options=options)

    editing.create(config, by=KIM)

    event = last_event()
    assert (event.action, event.subject_id, event.subject_name) == (
        Action.CONFIG_CREATED,
        str(config.pk),
        "new",
    )
    assert event.details["values"]["api_key"] == "set"
    assert event.details["values"]["options.context_size"] == 512
    assert event.details["values"]["options.headers"] == "set"
    assert "sk-marker" not in event.details_json


def test_create_that_fails_leaves_no_event(make_config: MakeConfig, settings: Any) -> None:
    make_config("taken")
    settings.LLM_ALLOW_REMOTE = False

    with transaction.atomic(), pytest.raises(IntegrityError):
        editing.create(LLMConfig(name="taken", provider="dummy"), by=KIM)
    with pytest.raises(RemoteNotAllowed):
        editing.create(LLMConfig(name="remote", provider="groq"), by=KIM)

    assert not AuditEvent.objects.exists()


def test_change_is_recorded_as_what_was_and_what_is(make_config: MakeConfig) -> None:
    config = make_config(
        provider="vllm",
        model_name="a",
        api_key=Secret("sk-former"),
        parameters={"temperature": 0.1, "top_p": 0.5, "stop": ["x"]},
        options={"kept": 1, "headers": {"X": "former"}},
    )
    config.model_name = "b"
    config.api_key = Secret("sk-later")
    config.parameters = {"temperature": 0.2, "stop": ["x"], "seed": 7}
    config.options = {"kept": 1, "headers": {"X": "later"}}

    editing.change(config, by=LEE)

    event = last_event()
    assert event.action == Action.CONFIG_CHANGED
    assert event.details["changes"] == {
        "model_name": {"from": "a", "to": "b"},
        "api_key": "changed",
        "parameters.temperature": {"from": 0.1, "to": 0.2},
        "parameters.top_p": {"from": 0.5, "to": None},
        "parameters.seed": {"from": None, "to": 7},
        "options.headers": "changed",
    }
    assert "former" not in event.details_json
    assert "later" not in event.details_json


def test_change_of_nothing_writes_nothing(make_config: MakeConfig) -> None:
    config = make_config(api_key=Secret("sk-1"))

    assert editing.change(config, by=KIM) == {}

    assert stored(config).version == 1
    assert not AuditEvent.objects.exists()


def test_change_writes_the_given_fields_alone(make_config: MakeConfig) -> None:
    config = make_config(model_name="a", max_retries=1)
    config.model_name, config.max_retries = "b", 2

    editing.change(config, fields=["max_retries"], by=KIM)

    assert (stored(config).model_name, stored(config).max_retries) == ("a", 2)


def test_change_leaves_the_activation_to_those_who_activate(make_config: MakeConfig) -> None:
    config = make_config()
    config.is_active, config.version, config.model_name = True, 99, "b"

    editing.change(config, by=KIM)

    assert (stored(config).is_active, stored(config).version) == (False, 2)


def test_change_of_a_deleted_row_says_so(make_config: MakeConfig) -> None:
    config = make_config("gone")
    LLMConfig.objects.all().delete()
    config.model_name = "b"

    with pytest.raises(ConfigGone, match="“gone”"):
        editing.change(config, by=KIM)


def test_everybody_who_edits_before_an_activation_counts_as_an_editor(make_config: MakeConfig) -> None:
    config = make_config()
    for by, model in ((KIM, "a"), (LEE, "b"), (KIM, "c")):
        config.model_name = model
        editing.change(config, by=by)

    assert stored(config).editors == [{"id": 101, "name": "kim"}, {"id": 102, "name": "lee"}]
    assert stored(config).edited_by_name == "kim"


def test_who_names_a_row_anew_edits_nothing_that_it_does(make_config: MakeConfig) -> None:
    config = make_config()
    config.name = "renamed"

    editing.change(config, by=KIM)

    assert stored(config).editors == []


def test_editors_are_forgotten_when_the_row_is_activated(make_config: MakeConfig) -> None:
    config = make_config()
    config.model_name = "b"
    editing.change(config, by=KIM)

    activation.activate(config, by=KIM)

    assert stored(config).editors == []


def test_stale_copy_does_not_bring_editors_back(make_config: MakeConfig) -> None:
    config = make_config()
    config.model_name = "b"
    editing.change(config, by=KIM)
    stale = stored(config)
    activation.activate(config, by=KIM)
    stale.model_name = "c"

    editing.change(stale, by=LEE)

    assert stored(config).editors == [{"id": 102, "name": "lee"}]


def test_active_row_is_not_changed_under_the_two_person_rule(make_config: MakeConfig, settings: Any) -> None:
    config = make_config("mine", is_active=True)
    settings.ACTIVATION_NEEDS_TWO = True
    config.model_name = "b"

    with pytest.raises(ActiveConfigLocked, match="Clone it"):
        editing.change(config, by=KIM)

    assert stored(config).model_name == ""
    assert not AuditEvent.objects.exists()


def test_active_row_may_be_renamed_under_the_two_person_rule(make_config: MakeConfig, settings: Any) -> None:
    config = make_config(is_active=True)
    settings.ACTIVATION_NEEDS_TWO = True
    config.name = "renamed"

    editing.change(config, by=KIM)

    assert stored(config).name == "renamed"


def test_change_outdates_a_request_for_the_row(make_config: MakeConfig) -> None:
    config, other = make_config("mine"), make_config("other")
    requests.make(config, by=KIM)
    requests.make(other, by=KIM)
    config.model_name = "b"

    editing.change(config, by=LEE)

    states = dict(ActivationRequest.objects.values_list("config_name", "state"))
    assert states == {"mine": "outdated", "other": "pending"}


def test_clone_says_the_same_and_is_inactive(make_config: MakeConfig) -> None:
    config = make_config("mine", provider="vllm", api_key=Secret("sk-1"), is_active=True, max_retries=7)

    copy = editing.clone(config, name="copy", by=KIM)

    found = stored(copy)
    assert (found.name, found.provider, found.max_retries) == ("copy", "vllm", 7)
    assert key_of(found) == Secret("sk-1")
    assert (found.is_active, found.version, found.edited_by_name) == (False, 1, "kim")
    event = last_event()
    assert event.action == Action.CONFIG_CREATED
    assert event.details["clone_of"] == {"id": config.pk, "name": "mine"}


def test_delete_records_each_row_with_what_it_said(make_config: MakeConfig) -> None:
    configs = [make_config("a", model_name="m"), make_config("b", api_key=Secret("sk-marker"))]
    requests.make(configs[0], by=KIM)
    HealthNote.objects.create(config_id=configs[0].pk, is_healthy=True, checked_at="2026-01-01T00:00Z")

    assert not editing.delete(configs, by=KIM)

    assert not LLMConfig.objects.exists()
    assert not HealthNote.objects.exists()
    assert ActivationRequest.objects.get().state == "outdated"
    events = AuditEvent.objects.filter(action=Action.CONFIG_DELETED).order_by("number")
    assert [event.subject_name for event in events] == ["a", "b"]
    assert events[0].details["values"]["model_name"] == "m"
    assert "sk-marker" not in events[1].details_json


def test_delete_of_the_active_row_is_part_of_what_has_answered(make_config: MakeConfig) -> None:
    config, gone = make_config("mine", is_active=True), make_config("gone")
    LLMConfig.objects.filter(name="gone").delete()

    assert editing.delete([config, gone], by=KIM)

    noted = Activation.objects.get()
    assert (noted.kind, noted.config_id, noted.previous_name) == ("deleted", None, "mine")
    assert last_event().details["was_active"]
