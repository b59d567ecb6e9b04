from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.test import Client

from audit.models import AuditEvent
from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig

from .conftest import MakeConfig
from .pages import ADD, CHANGE, HISTORY, errors, form_data, key_of, messages, url

KEY = "sk-marker-0123456789wxyz"


def test_add_stores_the_configuration(admin_client: Client) -> None:
    data = form_data(
        name="new",
        provider="vllm",
        model_name="m",
        endpoint_url="http://gpu:8000",
        api_key=KEY,
        parameters={"temperature": 0.5},
        timeout_seconds=60,
    )

    response = admin_client.post(url(ADD), data)

    assert response.status_code == 302
    config = LLMConfig.objects.get()
    assert (config.name, config.provider, config.model_name) == ("new", "vllm", "m")
    assert key_of(config) == Secret(KEY)
    assert (config.parameters, config.timeout_seconds) == ({"temperature": 0.5}, 60)
    assert (config.is_active, config.version) == (False, 1)


def test_add_offers_the_providers_by_where_they_run(admin_client: Client) -> None:
    form = admin_client.get(url(ADD)).context["adminform"].form

    groups = {group: [name for name, _ in choices] for group, choices in form.fields["provider"].choices}
    assert {"ollama", "llama-cpp", "local-llm", "vllm", "dummy"} <= set(groups["On-premise"])
    assert {"groq", "openai", "anthropic", "openrouter"} <= set(groups["Remote (development only)"])
    assert groups["On-premise or remote, by the endpoint's host"] == ["http-generic"]


def test_form_tells_the_names_that_its_json_takes(admin_client: Client) -> None:
    html = admin_client.get(url(ADD)).content.decode()

    assert "temperature (≥ 0, ≤ 2)" in html
    assert "model_path (required)" in html
    assert "context_size (≥ 512, ≤ 32768)" in html


def test_empty_json_is_an_empty_object(admin_client: Client) -> None:
    admin_client.post(url(ADD), form_data(parameters="", options=""))

    config = LLMConfig.objects.get()
    assert (config.parameters, config.options) == ({}, {})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"provider": "nonesuch"}, "provider"),
        ({"provider": "groq"}, "api_key"),
        ({"provider": "ollama", "api_key": KEY}, "api_key"),
        ({"provider": "vllm", "endpoint_url": "gpu"}, "endpoint_url"),
        ({"provider": "http-generic", "endpoint_url": "http://gpu"}, "model_name"),
        ({"parameters": {"temperature": 3}}, "parameters"),
        ({"parameters": "{"}, "parameters"),
        ({"parameters": "5"}, "parameters"),
        ({"options": "[]"}, "options"),
        ({"provider": "local-llm"}, "option_local-llm_model_path"),
        ({"provider": "local-llm", "options": {"model_path": 5}}, "options"),
        ({"timeout_seconds": 9}, "timeout_seconds"),
        ({"timeout_seconds": ""}, "timeout_seconds"),
        ({"name": ""}, "name"),
    ],
)
def test_error_lands_on_its_field(admin_client: Client, values: dict[str, Any], field: str) -> None:
    response = admin_client.post(url(ADD), form_data(**values))

    assert field in errors(response)
    assert KEY not in response.content.decode()
    assert not LLMConfig.objects.exists()


def test_name_that_is_taken_is_an_error_of_the_name(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("taken")

    assert list(errors(admin_client.post(url(ADD), form_data(name="taken")))) == ["name"]


def test_remote_provider_is_refused_where_the_policy_forbids_it(admin_client: Client, settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False

    response = admin_client.post(url(ADD), form_data(provider="groq", api_key="gsk_12345"))

    assert list(errors(response)) == ["provider"]


def test_empty_key_keeps_the_stored_one(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", api_key=Secret(KEY))

    admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", model_name="edited"))

    stored = LLMConfig.objects.get()
    assert (stored.model_name, stored.version) == ("edited", 2)
    assert stored.api_key == config.api_key


def test_new_key_replaces_the_stored_one(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", api_key=Secret("sk-old"))

    admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", api_key=f"  {KEY} "))

    assert key_of(LLMConfig.objects.get()) == Secret(KEY)


def test_box_clears_the_stored_key(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", api_key=Secret(KEY))

    admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", clear_api_key="on"))

    assert not LLMConfig.objects.get().api_key


def test_clearing_a_key_that_is_required_is_an_error_of_the_key(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config(provider="groq", api_key=Secret(KEY))

    response = admin_client.post(url(CHANGE, config.pk), form_data(provider="groq", clear_api_key="on"))

    assert list(errors(response)) == ["api_key"]
    assert LLMConfig.objects.get().api_key


def test_key_and_box_together_are_an_error(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", api_key=Secret("sk-old"))
    data = form_data(provider="vllm", api_key=KEY, clear_api_key="on")

    response = admin_client.post(url(CHANGE, config.pk), data)

    assert list(errors(response)) == ["clear_api_key"]
    assert KEY not in response.content.decode()


@pytest.mark.parametrize(
    "values",
    [
        {"provider": "vllm", "endpoint_url": "http://elsewhere:8000"},
        {"provider": "vllm", "endpoint_url": "http://gpu:9000"},
        {"provider": "vllm", "endpoint_url": "https://gpu:8000"},
        {"provider": "vllm", "endpoint_url": ""},
        {"provider": "openai", "endpoint_url": ""},
    ],
)
def test_stored_key_does_not_go_to_another_address(
    admin_client: Client, make_config: MakeConfig, values: dict[str, Any]
) -> None:
    config = make_config(provider="vllm", endpoint_url="http://gpu:8000", api_key=Secret(KEY))

    refused = admin_client.post(url(CHANGE, config.pk), form_data(**values))
    accepted = admin_client.post(url(CHANGE, config.pk), form_data(**values, api_key="sk-new"))

    assert list(errors(refused)) == ["api_key"]
    assert accepted.status_code == 302
    assert key_of(LLMConfig.objects.get()) == Secret("sk-new")


@pytest.mark.parametrize(
    ("stored", "edited"),
    [
        ("http://gpu:8000/", "http://GPU:8000/v1"),
        ("http://gpu", "http://gpu:80/v1"),
        ("https://gpu:443", "https://gpu"),
        ("", "http://localhost:8000"),
    ],
)
def test_stored_key_stays_where_the_address_is_the_same(
    admin_client: Client, make_config: MakeConfig, stored: str, edited: str
) -> None:
    config = make_config(provider="vllm", endpoint_url=stored, api_key=Secret(KEY))
    data = form_data(provider="vllm", endpoint_url=edited)

    response = admin_client.post(url(CHANGE, config.pk), data)

    assert response.status_code == 302
    assert key_of(LLMConfig.objects.get()) == Secret(KEY)


def test_stored_key_that_belongs_elsewhere_has_to_be_entered_again(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config(provider="vllm", endpoint_url="http://gpu:8000", api_key=Secret(KEY))
    LLMConfig.objects.update(endpoint_url="http://elsewhere:8000")
    data = form_data(provider="vllm", endpoint_url="http://elsewhere:8000")

    refused = admin_client.post(url(CHANGE, config.pk), data)
    back = admin_client.post(url(CHANGE, config.pk), data | {"endpoint_url": "http://gpu:8000"})

    assert list(errors(refused)) == list(errors(back)) == ["api_key"]


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254", "http://10.0.0.1:8000", "http://2130706433", "http://nowhere.invalid"],
)
def test_address_outside_the_zones_is_an_error_that_says_what_to_do(
    admin_client: Client, settings: Any, address: str
) -> None:
    settings.LLM_ALLOW_REMOTE = False

    found = errors(admin_client.post(url(ADD), form_data(provider="vllm", endpoint_url=address)))

    assert list(found) == ["endpoint_url"]


def test_error_of_an_address_names_the_zones(admin_client: Client, settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False
    data = form_data(provider="vllm", endpoint_url="http://10.0.0.1:8000")

    [text] = errors(admin_client.post(url(ADD), data))["endpoint_url"]

    assert "10.0.0.1, port 8000, is in none of the zones" in text
    assert "(loopback, gpu)" in text
    assert "added to OUTGOING_ZONES" in text


def test_address_may_change_without_a_stored_key(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", endpoint_url="http://gpu:8000")

    response = admin_client.post(url(CHANGE, config.pk), form_data(provider="ollama"))

    assert response.status_code == 302


def test_page_shows_the_end_of_a_stored_key_alone(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", api_key=Secret(KEY))

    html = admin_client.get(url(CHANGE, config.pk)).content.decode()

    assert "Set, ends …wxyz. Leave empty to keep it." in html
    assert KEY not in html
    assert "gAAAA" not in html
    assert "********" not in html


def test_page_says_that_no_key_is_set(admin_client: Client, make_config: MakeConfig) -> None:
    html = admin_client.get(url(CHANGE, make_config().pk)).content.decode()

    assert "Not set. It is stored encrypted and never shown again." in html


def test_page_works_with_a_key_that_cannot_be_decrypted(
    admin_client: Client, make_config: MakeConfig, settings: Any
) -> None:
    config = make_config(provider="vllm", api_key=Secret(KEY))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    html = admin_client.get(url(CHANGE, config.pk)).content.decode()
    kept = admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", model_name="edited"))
    entered = admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", api_key="sk-new"))

    assert "Set, but it cannot be decrypted" in html
    assert (kept.status_code, entered.status_code) == (302, 302)
    stored = LLMConfig.objects.get()
    assert (stored.version, key_of(stored)) == (3, Secret("sk-new"))


def test_key_that_cannot_be_encrypted_is_an_error_of_the_key(
    admin_client: Client, make_config: MakeConfig, settings: Any
) -> None:
    config = make_config(provider="vllm", api_key=Secret("sk-old"))
    settings.FIELD_ENCRYPTION_KEYS = ["not-a-key"]

    both = form_data(provider="vllm", api_key=KEY, clear_api_key="on")
    refused = admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", api_key=KEY))
    refused_with_box = admin_client.post(url(CHANGE, config.pk), both)

    assert "FIELD_ENCRYPTION_KEYS: key 1 is not a Fernet key" in errors(refused)["api_key"][0]
    assert "api_key" in errors(refused_with_box)
    assert KEY not in refused.content.decode()
    assert LLMConfig.objects.get().api_key == config.api_key


@pytest.mark.parametrize(
    "text", ['{"tokens_per_s": NaN}', '{"tokens_per_s": 1e999}', '{"text": "\\u0000"}', '{"text": "\\ud800"}']
)
def test_json_that_no_database_holds_is_an_error_of_its_field(admin_client: Client, text: str) -> None:
    assert list(errors(admin_client.post(url(ADD), form_data(options=text)))) == ["options"]


def test_json_with_an_escaped_backslash_is_stored(admin_client: Client) -> None:
    admin_client.post(url(ADD), form_data(options=r'{"text": "\\u0000 ü"}'))

    assert LLMConfig.objects.get().options == {"text": r"\u0000 ü"}


def test_page_works_with_a_provider_that_is_not_installed(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config(provider="nonesuch")

    html = admin_client.get(url(CHANGE, config.pk)).content.decode()
    response = admin_client.post(url(CHANGE, config.pk), form_data(provider="nonesuch"))

    assert "nonesuch (not installed)" in html
    assert list(errors(response)) == ["provider"]


def test_page_shows_a_stored_alias_as_its_provider(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="local-llama-cpp", options={"model_path": "m.gguf"})

    html = admin_client.get(url(CHANGE, config.pk)).content.decode()

    assert re.search('<input type="radio" name="provider" value="local-llm"[^>]* checked', html)
    assert 'name="option_local-llm_model_path" value="m.gguf"' in html


def test_saving_the_active_row_says_that_it_binds_at_once(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config(is_active=True)

    response = admin_client.post(url(CHANGE, config.pk), form_data(model_name="m"), follow=True)

    assert "This configuration is active: it answers as saved from now on." in messages(response)


def test_saving_does_not_undo_an_activation_of_another_row(
    admin_client: Client, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited, other = make_config("edited", is_active=True), make_config("other")
    save = LLMConfig.save

    def save_after_activation(self: LLMConfig, **kwargs: Any) -> None:
        LLMConfig.objects.update(is_active=False)  # as activate() does, which takes no part in a transaction
        LLMConfig.objects.filter(pk=other.pk).update(is_active=True)
        save(self, **kwargs)

    monkeypatch.setattr(LLMConfig, "save", save_after_activation)
    response = admin_client.post(url(CHANGE, edited.pk), form_data(name="edited", model_name="m"))

    assert response.status_code == 302
    assert [config.name for config in LLMConfig.objects.active()] == ["other"]
    assert LLMConfig.objects.get(name="edited").model_name == "m"


def test_history_tells_what_the_trail_tells_and_no_key(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config("mine", provider="vllm")
    data = form_data(name="mine", provider="vllm", api_key=KEY, model_name="<m>", max_retries=5)
    admin_client.post(url(CHANGE, config.pk), data)

    html = admin_client.get(url(HISTORY, config.pk)).content.decode()

    assert "Configuration changed" in html
    assert "&lt;m&gt;" in html
    assert "max_retries" in html
    assert KEY not in html
    assert not LogEntry.objects.exists()


def test_saving_what_is_stored_already_changes_nothing(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(provider="vllm", api_key=Secret(KEY))

    admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm"))

    assert LLMConfig.objects.get().version == 1
    assert not AuditEvent.objects.filter(subject_kind="llmconfig").exists()
