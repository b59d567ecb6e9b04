"""The fields that are made of the providers' schemas."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from llmbackends.catalog import Locality, Provider, object_schema
from llmbackends.registry import providers
from llmconfigs import schema_fields, widgets
from llmconfigs.models import LLMConfig

from .conftest import ClientWith, MakeConfig
from .pages import ADD, CHANGE, errors, form_data, url


def test_every_simple_option_and_parameter_has_a_field_with_a_label(admin_client: Client) -> None:
    html = admin_client.get(url(ADD)).content.decode()

    for field in schema_fields.all_fields():
        assert f'name="{field.name}"' in html
    assert "Context size in tokens" in html
    assert "Temperature" in html
    assert "Settings of Ollama" in html
    assert 'placeholder="4096"' in html


def test_own_providers_have_a_title_for_each_field_and_a_line_of_help() -> None:
    assert all(provider.description for provider in providers())
    assert all(field.schema.get("title") for field in schema_fields.all_fields())


def test_fields_become_the_json_of_the_chosen_provider_alone(admin_client: Client) -> None:
    data = form_data(
        provider="ollama",
        options_raw="",
        option_ollama_context_size="8192",
        option_ollama_keep_alive="10m",
        option_dummy_text="not of this one",
        parameter_temperature="0.5",
        parameter_max_tokens="100",
        parameter_top_k="",
    )

    response = admin_client.post(url(ADD), data)

    assert response.status_code == 302
    config = LLMConfig.objects.get()
    assert config.options == {"context_size": 8192, "keep_alive": "10m"}
    assert config.parameters == {"temperature": 0.5, "max_tokens": 100}


def test_parameter_that_the_provider_does_not_take_is_left_out(admin_client: Client) -> None:
    data = form_data(provider="groq", api_key="gsk_12345", parameter_top_k="5", parameter_temperature="1")

    admin_client.post(url(ADD), data)

    assert LLMConfig.objects.get().parameters == {"temperature": 1}


def test_fields_and_json_together_make_the_row(admin_client: Client) -> None:
    data = form_data(parameters={"stop": ["x"]}, parameter_seed="7")

    admin_client.post(url(ADD), data)

    assert LLMConfig.objects.get().parameters == {"stop": ["x"], "seed": 7}


def test_form_shows_in_fields_what_has_one_and_the_rest_as_json(
    admin_client: Client, make_config: MakeConfig
) -> None:
    options = {"text": "Hello", "delay_s": "soon", "fail": "cut"}
    config = make_config(options=options, parameters={"temperature": 0.25, "stop": ["x"], "seed": True})

    form = admin_client.get(url(CHANGE, config.pk)).context["adminform"].form

    assert (form.initial["option_dummy_text"], form.initial["option_dummy_fail"]) == ("Hello", "cut")
    assert form.initial["options"] == {"delay_s": "soon"}
    assert form.initial["parameter_temperature"] == 0.25
    assert form.initial["parameters"] == {"stop": ["x"], "seed": True}


def test_form_that_is_sent_back_as_it_came_changes_nothing(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config(
        options={"text": "Hello", "tokens_per_s": 5}, parameters={"top_p": 0.5, "stop": ["x"]}
    )
    form = admin_client.get(url(CHANGE, config.pk)).context["adminform"].form
    values = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    data = form_data(**{name: value for name, value in values.items() if value is not False})

    response = admin_client.post(url(CHANGE, config.pk), data)

    assert response.status_code == 302
    stored = LLMConfig.objects.get()
    assert (stored.options, stored.parameters, stored.version) == (config.options, config.parameters, 1)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"parameter_temperature": "3"}, "parameter_temperature"),
        ({"parameter_temperature": "warm"}, "parameter_temperature"),
        ({"parameter_max_tokens": "1.5"}, "parameter_max_tokens"),
        ({"option_dummy_fail": "often"}, "option_dummy_fail"),
        ({"option_dummy_delay_s": "601"}, "option_dummy_delay_s"),
        ({"option_dummy_delay_s": "inf"}, "option_dummy_delay_s"),
        ({"provider": "local-llm"}, "option_local-llm_model_path"),
        (
            {"provider": "anthropic", "api_key": "sk-ant-1", "parameter_temperature": "1.5"},
            "parameter_temperature",
        ),
        ({"parameters": {"seed": 1}, "parameter_seed": "1"}, "parameter_seed"),
    ],
)
def test_error_stands_at_its_own_field_alone(
    admin_client: Client, values: dict[str, Any], field: str
) -> None:
    response = admin_client.post(url(ADD), form_data(**values))

    assert list(errors(response)) == [field]
    assert not LLMConfig.objects.exists()


def test_input_of_other_providers_is_no_error(admin_client: Client) -> None:
    response = admin_client.post(url(ADD), form_data(**{"option_local-llm_context_size": "7"}))

    assert response.status_code == 302


def test_providers_tell_what_they_take_and_their_defaults(admin_client: Client) -> None:
    html = admin_client.get(url(ADD)).content.decode()

    [ollama] = re.findall(r'<input type="radio" name="provider" value="ollama"[^>]*>', html)
    assert 'data-endpoint="http://localhost:11434"' in ollama
    assert 'data-model="codellama:13b"' in ollama
    assert 'data-takes-key="no"' in ollama
    assert "Runs open models on a machine of yours" in html


def test_remote_providers_are_disabled_with_the_reason_where_they_are_forbidden(
    admin_client: Client, settings: Any
) -> None:
    settings.LLM_ALLOW_REMOTE = False

    html = admin_client.get(url(ADD)).content.decode()

    [groq] = re.findall(r'<input type="radio" name="provider" value="groq"[^>]*>', html)
    [vllm] = re.findall(r'<input type="radio" name="provider" value="vllm"[^>]*>', html)
    assert " disabled" in groq
    assert " disabled" not in vllm
    assert html.count("This installation forbids remote providers.") == 4


def test_stored_remote_provider_can_still_be_seen_as_chosen(
    admin_client: Client, make_config: MakeConfig, settings: Any
) -> None:
    config = make_config(provider="groq")
    settings.LLM_ALLOW_REMOTE = False

    html = admin_client.get(url(CHANGE, config.pk)).content.decode()

    [groq] = re.findall(r'<input type="radio" name="provider" value="groq"[^>]*>', html)
    assert " checked" in groq
    assert " disabled" not in groq


def test_page_has_no_inline_script_or_style(admin_client: Client, make_config: MakeConfig) -> None:
    html = admin_client.get(url(CHANGE, make_config().pk)).content.decode()

    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html) == []
    assert re.findall(r"<[^>]* style=", html) == []
    assert re.findall(r"<[^>]* on\w+=", html) == []
    assert "changeover/llmconfig_form.js" in html


def test_what_enter_presses_is_to_save(admin_client: Client, make_config: MakeConfig) -> None:
    html = admin_client.get(url(CHANGE, make_config().pk)).content.decode()
    form = html[html.index('id="llmconfig_form"') :]

    first = re.search(r'<(?:button|input)[^>]*type="submit"[^>]*>', form)
    assert first
    assert 'name="_save"' in first[0]


def test_viewer_sees_the_json_as_it_is_stored(client_with: ClientWith, make_config: MakeConfig) -> None:
    config = make_config(options={"text": "Hello"})

    html = client_with("view").get(url(CHANGE, config.pk)).content.decode()

    assert "Hello" in html
    assert "option_dummy_text" not in html


@pytest.mark.parametrize(
    ("schema", "given", "value"),
    [
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"enum": ["a", "b"]}, "b", "b"),
        ({"type": "string"}, "x", "x"),
    ],
)
def test_field_of_a_plugin_s_schema_needs_no_title(schema: Any, given: str, value: Any) -> None:
    provider = Provider(
        "plugin",
        "Plugin",
        Locality.LOCAL,
        options=object_schema({"switch": schema, "deep": {"type": "array"}}),
    )

    [field] = schema_fields.option_fields(provider)

    assert field.form_field().clean(given) == value
    assert field.form_field().label == "switch"
    assert field.fits(value)


def test_empty_choice_of_yes_and_no_is_none() -> None:
    provider = Provider(
        "plugin", "Plugin", Locality.LOCAL, options=object_schema({"on": {"type": "boolean"}})
    )

    [field] = schema_fields.option_fields(provider)

    assert field.form_field().clean("") is None


def test_choice_of_a_provider_that_is_gone_has_no_help() -> None:
    html = widgets.ProviderSelect(choices=[("gone", "Gone")]).render(
        "provider", "gone", {"id": "id_provider"}
    )

    assert 'value="gone"' in html
