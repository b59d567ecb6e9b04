from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from llmbackends.errors import ConfigurationError, RemoteNotAllowed
from llmbackends.secret import Secret
from llmconfigs import activation
from llmconfigs.active import active_spec
from llmconfigs.models import LLMConfig
from llmconfigs.selection import ActiveSpec
from llmconfigs.specs import spec_from_config
from tests.database_outages import database_out_of_reach

from .actors import KIM
from .conftest import MakeConfig


def test_active_row_is_selected(make_config: MakeConfig) -> None:
    config = make_config("mine", model_name="m", is_active=True)

    assert active_spec() == ActiveSpec(spec_from_config(config), config.pk, "mine", 1, "config")


def test_environment_is_selected_without_an_active_row(make_config: MakeConfig, settings: Any) -> None:
    make_config("inactive")
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "ollama", "LLM_MODEL": "llama3"}

    active = active_spec()

    assert (active.source, active.spec.model) == ("environment", "llama3")
    assert (active.config_id, active.config_name, active.version) == (None, "", 0)


def test_activation_binds_the_next_read(make_config: MakeConfig) -> None:
    former, later = make_config("former", is_active=True), make_config("later")
    active_spec()

    activation.activate(later, by=KIM)
    after_activation = active_spec().config_name
    activation.deactivate(later, by=KIM)
    after_deactivation = active_spec().source
    activation.activate(former, by=KIM)

    assert (after_activation, after_deactivation) == ("later", "environment")
    assert active_spec().config_name == "former"


def test_edit_of_the_active_row_binds_the_next_read(make_config: MakeConfig) -> None:
    config = make_config(is_active=True)
    active_spec()

    config.model_name = "edited"
    config.save()

    assert (active_spec().version, active_spec().spec.model) == (2, "edited")


def test_deleting_the_active_row_falls_back_to_the_environment(make_config: MakeConfig) -> None:
    config = make_config(is_active=True)
    active_spec()

    config.delete()

    assert active_spec().source == "environment"


def test_environment_without_its_key_is_an_error(db: None, settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "groq"}

    with pytest.raises(ConfigurationError, match=r"environment.*An API key is required"):
        active_spec()


def test_remote_environment_is_refused_where_the_policy_forbids_it(db: None, settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "groq", "LLM_API_KEY": "gsk_12345"}
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        active_spec()


def test_active_row_whose_key_cannot_be_decrypted_is_an_error(make_config: MakeConfig, settings: Any) -> None:
    make_config(provider="vllm", api_key=Secret("sk-12345"), is_active=True)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(ConfigurationError, match="cannot be decrypted"):
        active_spec()


@pytest.mark.parametrize("values", [{"provider": "nonesuch"}, {"parameters": {"temperature": 9}}])
def test_active_row_that_cannot_work_is_an_error_each_time(
    make_config: MakeConfig, values: dict[str, Any]
) -> None:
    make_config("broken", is_active=True, **values)

    for _ in range(2):
        with pytest.raises(ConfigurationError):
            active_spec()


def test_choice_is_logged_once_for_each_change(make_config: MakeConfig, logs: list[Any]) -> None:
    config = make_config("mine", model_name="m", is_active=True)
    active_spec()
    active_spec()
    LLMConfig.objects.filter(pk=config.pk).update(is_active=False)
    active_spec()
    active_spec()

    assert [(each["event"], each["source"], each["provider"], each["model"]) for each in logs] == [
        ("llm_selected", "config", "dummy", "m"),
        ("llm_selected", "environment", "dummy", "dummy"),
    ]


@pytest.mark.django_db(transaction=True)
def test_last_known_row_stays_in_use_while_the_database_is_down(
    make_config: MakeConfig, logs: list[Any]
) -> None:
    make_config("mine", is_active=True)
    before = active_spec()

    with database_out_of_reach():
        assert active_spec() == before
        assert active_spec() == before

    assert active_spec() == before
    assert [(each["log_level"], each["event"]) for each in logs] == [
        ("info", "llm_selected"),
        ("error", "database_unreachable"),
        ("info", "database_reachable_again"),
    ]
    assert logs[1]["keeping"] == "mine"


@pytest.mark.django_db(transaction=True)
def test_change_made_during_the_outage_binds_after_it(make_config: MakeConfig) -> None:
    config = make_config("mine", is_active=True)
    active_spec()
    with database_out_of_reach():
        active_spec()

    activation.deactivate(config, by=KIM)

    assert active_spec().source == "environment"


@pytest.mark.django_db(transaction=True)
def test_environment_is_used_if_the_database_was_never_read(make_config: MakeConfig, logs: list[Any]) -> None:
    make_config("never read", is_active=True)

    with database_out_of_reach():
        assert active_spec().source == "environment"

    assert logs[0]["event"] == "database_unreachable"


@pytest.mark.django_db(transaction=True)
def test_row_that_was_deactivated_before_the_outage_does_not_come_back(make_config: MakeConfig) -> None:
    config = make_config("mine", is_active=True)
    active_spec()
    activation.deactivate(config, by=KIM)
    active_spec()

    with database_out_of_reach():
        assert active_spec().source == "environment"
