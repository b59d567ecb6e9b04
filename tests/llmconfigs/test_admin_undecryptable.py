"""Every page works while a stored key cannot be decrypted, and says so where it matters."""

from __future__ import annotations

import io
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import Client

from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig
from llmconfigs.sealing import SealedSecret

from .conftest import MakeConfig
from .pages import ACTIVATE, CHANGE, CHANGELIST, DELETE, confirm, form_data, key_of, messages, run_action, url

KEY = "sk-marker-0123456789wxyz"
SAYS = "cannot be decrypted"


@pytest.fixture(params=["another key", "no Fernet key", "a cut token"])
def config(request: pytest.FixtureRequest, make_config: MakeConfig, settings: Any) -> LLMConfig:
    config = make_config("sealed", provider="vllm", endpoint_url="http://gpu:8000", api_key=Secret(KEY))
    match request.param:
        case "another key":
            settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        case "no Fernet key":
            settings.FIELD_ENCRYPTION_KEYS = ["not-a-key"]
        case "a cut token":
            cut = SealedSecret(config.api_key.token[:-7])
            LLMConfig.objects.filter(pk=config.pk).update(api_key=cut)
    return config


@pytest.mark.parametrize("is_active", [False, True])
def test_pages_open(admin_client: Client, config: LLMConfig, is_active: bool) -> None:
    LLMConfig.objects.update(is_active=is_active)
    pages = [url(CHANGELIST), url(CHANGE, config.pk), url(DELETE, config.pk), url("admin:index")]

    responses = [admin_client.get(page) for page in pages]

    assert [response.status_code for response in responses] == [200] * len(pages)
    assert SAYS in responses[1].content.decode()
    assert ("Nothing can answer." in responses[0].content.decode()) == is_active
    assert not any(KEY in response.content.decode() for response in responses)


@pytest.mark.django_db(transaction=True)
def test_actions_say_why_they_fail(admin_client: Client, config: LLMConfig) -> None:
    tested = messages(run_action(admin_client, "test_connection", config))
    activated = messages(confirm(admin_client, ACTIVATE, config.pk))

    assert any("FIELD_ENCRYPTION_KEYS" in each for each in tested)
    assert any("FIELD_ENCRYPTION_KEYS" in each for each in activated)
    assert not LLMConfig.objects.active().exists()


def test_other_fields_are_saved_and_the_key_is_kept(admin_client: Client, config: LLMConfig) -> None:
    config.refresh_from_db()
    data = form_data(name="sealed", provider="vllm", endpoint_url="http://gpu:8000", model_name="edited")

    response = admin_client.post(url(CHANGE, config.pk), data)

    assert response.status_code == 302
    stored = LLMConfig.objects.get()
    assert (stored.model_name, stored.api_key) == ("edited", config.api_key)


def test_key_is_cleared(admin_client: Client, config: LLMConfig) -> None:
    data = form_data(name="sealed", provider="vllm", endpoint_url="http://gpu:8000", clear_api_key="on")

    admin_client.post(url(CHANGE, config.pk), data)

    assert not LLMConfig.objects.get().api_key


def test_key_is_entered_again(admin_client: Client, make_config: MakeConfig, settings: Any) -> None:
    config = make_config("sealed", provider="vllm", endpoint_url="http://gpu:8000", api_key=Secret(KEY))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    data = form_data(name="sealed", provider="vllm", endpoint_url="http://gpu:8000", api_key="sk-new")

    admin_client.post(url(CHANGE, config.pk), data)

    assert key_of(LLMConfig.objects.get()) == Secret("sk-new")


@pytest.mark.django_db(transaction=True)
def test_commands_say_why_they_fail(config: LLMConfig) -> None:
    for arguments in (["check", "sealed"], ["activate", "sealed"]):
        with pytest.raises(CommandError, match="FIELD_ENCRYPTION_KEYS"):
            call_command("llm", *arguments, stdout=io.StringIO(), skip_checks=True)
