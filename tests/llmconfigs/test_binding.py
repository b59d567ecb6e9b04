"""A stored key goes nowhere but to the address that it was entered for."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.exceptions import ValidationError

from audit.context import SYSTEM
from llmbackends.errors import ConfigurationError
from llmbackends.secret import Secret
from llmconfigs import activation
from llmconfigs.binding import kept_key, receiver_of
from llmconfigs.errors import SecretBoundElsewhere, SecretUndecryptable
from llmconfigs.models import LLMConfig
from llmconfigs.sealing import SealedSecret
from llmconfigs.specs import spec_from_config

from .conftest import MakeConfig
from .pages import key_of

KEY = Secret("sk-marker-0123456789")
HERE = {"provider": "vllm", "endpoint_url": "http://gpu:8000"}
SAME = [
    {},
    {"endpoint_url": "http://GPU:8000/"},
    {"endpoint_url": "http://gpu.:8000/v1"},
    {"provider": "llama-cpp"},
]
ELSEWHERE = [
    {"endpoint_url": "https://gpu:8000"},
    {"endpoint_url": "http://gpu:8001"},
    {"endpoint_url": "http://gpu"},
    {"endpoint_url": "http://gpu-box:8000"},
    {"endpoint_url": "http://gpu.example.org:8000"},
    {"endpoint_url": ""},
    {"provider": "openai", "endpoint_url": ""},
    {"provider": "dummy", "endpoint_url": ""},
]


@pytest.mark.parametrize(
    ("provider", "url", "receiver"),
    [
        ("openai", "", "https://api.openai.com:443"),
        ("openai", "https://api.openai.com:443/v1/", "https://api.openai.com:443"),
        ("openai", "HTTPS://API.openai.com", "https://api.openai.com:443"),
        ("groq", "", "https://api.groq.com:443"),
        ("vllm", "http://gpu", "http://gpu:80"),
        ("vllm", "http://[0:0::1]:8000", "http://[::1]:8000"),
        ("dummy", "", ""),
        ("http-generic", "", ""),
        ("http-generic", "no url", ""),
        ("nonesuch", "http://gpu", ""),
    ],
)
def test_receiver_is_scheme_host_and_port(provider: str, url: str, receiver: str) -> None:
    assert receiver_of(provider, url) == receiver


@pytest.mark.parametrize("change", SAME)
def test_key_opens_for_other_spellings_of_its_address(
    make_config: MakeConfig, change: dict[str, str]
) -> None:
    config = make_config(**HERE, api_key=KEY)

    LLMConfig.objects.update(**change)

    config.refresh_from_db()
    assert key_of(config) == KEY
    assert spec_from_config(config).api_key == KEY


@pytest.mark.parametrize("change", ELSEWHERE)
def test_key_opens_for_no_other_address_however_the_row_was_changed(
    make_config: MakeConfig, change: dict[str, str]
) -> None:
    config = make_config(**HERE, api_key=KEY)

    LLMConfig.objects.update(**change)

    config.refresh_from_db()
    with pytest.raises(SecretBoundElsewhere):
        key_of(config)
    with pytest.raises(ConfigurationError, match="enter the API key again"):
        spec_from_config(config)
    with pytest.raises(ValidationError) as caught:
        config.full_clean()
    assert any("enter the API key again" in each for each in caught.value.message_dict["api_key"])


@pytest.mark.parametrize("change", ELSEWHERE)
def test_saving_the_row_does_not_bind_its_key_anew(make_config: MakeConfig, change: dict[str, str]) -> None:
    for config in (make_config("kept", **HERE, api_key=KEY), make_config("read", **HERE, api_key=KEY)):
        if config.name == "read":
            config = LLMConfig.objects.get(pk=config.pk)
        for name, value in change.items():
            setattr(config, name, value)

        config.save()

        with pytest.raises(SecretBoundElsewhere):
            key_of(LLMConfig.objects.get(pk=config.pk))


def test_saving_the_row_binds_the_key_that_was_entered_for_it(make_config: MakeConfig) -> None:
    config = make_config(**HERE, api_key=KEY)

    config.endpoint_url, config.api_key = "http://gpu:9000", Secret("sk-new")
    config.save()

    assert key_of(LLMConfig.objects.get()) == Secret("sk-new")


def test_copied_key_stays_with_its_address(make_config: MakeConfig) -> None:
    source = make_config("source", **HERE, api_key=KEY)

    same = make_config("same", **HERE, api_key=source.api_key)
    other = make_config("other", provider="vllm", endpoint_url="http://elsewhere", api_key=source.api_key)

    assert key_of(same) == KEY
    with pytest.raises(SecretBoundElsewhere):
        key_of(other)


def test_key_that_was_written_past_save_opens_for_nobody(make_config: MakeConfig) -> None:
    config = make_config(**HERE)

    LLMConfig.objects.update(api_key=KEY)

    config.refresh_from_db()
    with pytest.raises(SecretBoundElsewhere):
        key_of(config)


@pytest.mark.django_db(transaction=True)
def test_row_whose_key_belongs_elsewhere_is_not_activated(make_config: MakeConfig) -> None:
    config = make_config(**HERE, api_key=KEY)
    LLMConfig.objects.update(endpoint_url="http://elsewhere:8000")

    with pytest.raises(ConfigurationError, match="enter the API key again"):
        activation.activate(config, by=SYSTEM.actor)

    assert not LLMConfig.objects.active().exists()


def test_key_that_cannot_be_decrypted_is_kept_at_its_address_alone(
    make_config: MakeConfig, settings: Any
) -> None:
    stored = make_config(**HERE, api_key=KEY)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert kept_key(stored, **HERE) == stored.api_key
    with pytest.raises(SecretBoundElsewhere):
        kept_key(stored, provider="vllm", endpoint_url="http://elsewhere")


# Keys from before


@pytest.fixture
def migration() -> Any:
    return importlib.import_module("llmconfigs.migrations.0005_bind_api_keys")


def store_token(config: LLMConfig, token: str) -> None:
    LLMConfig.objects.filter(pk=config.pk).update(api_key=SealedSecret(token))


def test_migration_binds_each_key_to_where_it_goes_now(
    make_config: MakeConfig, settings: Any, migration: Any
) -> None:
    bare, default = make_config("bare", **HERE), make_config("default", provider="groq")
    foreign, without = make_config("foreign", **HERE), make_config("without")
    for config in (bare, default):
        store_token(config, SealedSecret.seal(KEY).token)
    written_with = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    store_token(foreign, SealedSecret.seal(KEY).token)
    settings.FIELD_ENCRYPTION_KEYS = written_with

    migration.bind(apps, None)

    for config in (bare, default, foreign, without):
        config.refresh_from_db()
    assert (key_of(bare), key_of(default)) == (KEY, KEY)
    assert not without.api_key
    with pytest.raises(SecretUndecryptable):
        key_of(foreign)


def test_migration_goes_back(make_config: MakeConfig, migration: Any) -> None:
    config = make_config(**HERE, api_key=KEY)

    migration.unbind(apps, None)

    config.refresh_from_db()
    assert config.api_key.reveal() == KEY
