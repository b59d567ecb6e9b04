from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.actions import Action
from audit.models import AuditEvent
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmconfigs import probing
from llmconfigs.models import HealthNote, LLMConfig
from llmconfigs.probing import Probe

from .conftest import ClientWith, MakeConfig
from .pages import CHANGE, TRY, TRY_NEW, form_data, url

KEY = "sk-marker-0123456789wxyz"
HTMX = {"HX-Request": "true"}
HERE = {"provider": "vllm", "endpoint_url": "http://gpu:8000"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BackendSpec]:
    """The specs that a service was asked with; each answers."""
    specs: list[BackendSpec] = []

    def probe(spec: BackendSpec) -> Probe:
        specs.append(spec)
        return Probe(0.1, "It is up.", 0.2, 5, 1, "ready")

    def fetch_models(spec: BackendSpec) -> tuple[str, ...]:
        specs.append(spec)
        return ("<m-1>", "m-2")

    monkeypatch.setattr(probing, "probe", probe)
    monkeypatch.setattr(probing, "fetch_models", fetch_models)
    return specs


def try_new(client: Client, what: str, *, headers: dict[str, str] | None = HTMX, **values: Any) -> str:
    response = client.post(url(TRY_NEW, what), form_data(**values), headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def try_(client: Client, what: str, config: LLMConfig, **values: Any) -> str:
    response = client.post(url(TRY, config.pk, what), form_data(**values), headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_test_of_unsaved_input_shows_times_tokens_and_the_answer(admin_client: Client) -> None:
    html = try_new(admin_client, "test", options={"text": "<ready>"})

    assert "The service answers." in html
    assert "Health check" in html
    assert "1 answered" in html
    assert "&lt;ready&gt;" in html
    assert "<html" not in html
    assert not LLMConfig.objects.exists()


def test_test_that_fails_says_why(admin_client: Client) -> None:
    html = try_new(admin_client, "test", options={"fail": "check"})

    assert "The dummy plays a service that is down." in html


def test_test_uses_what_was_entered_and_stores_nothing(
    admin_client: Client, make_config: MakeConfig, asked: list[BackendSpec]
) -> None:
    config = make_config("mine", **HERE, model_name="stored")

    try_(admin_client, "test", config, **HERE, name="mine", model_name="edited", api_key=KEY)

    assert [(spec.model, spec.api_key) for spec in asked] == [("edited", Secret(KEY))]
    stored = LLMConfig.objects.get()
    assert (stored.model_name, bool(stored.api_key), stored.version) == ("stored", False, 1)
    assert not HealthNote.objects.exists()


def test_test_of_what_is_stored_notes_the_health(
    admin_client: Client, make_config: MakeConfig, asked: list[BackendSpec]
) -> None:
    config = make_config("mine")

    try_(admin_client, "test", config, name="mine")

    assert HealthNote.objects.get().config_id == config.pk


def test_stored_key_goes_to_the_address_that_it_was_entered_for(
    admin_client: Client, make_config: MakeConfig, asked: list[BackendSpec]
) -> None:
    config = make_config("mine", **HERE, api_key=Secret(KEY))

    try_(admin_client, "test", config, **HERE, name="mine", model_name="edited")

    assert [spec.api_key for spec in asked] == [Secret(KEY)]


@pytest.mark.parametrize("what", ["test", "models"])
@pytest.mark.parametrize(
    "values",
    [
        {"provider": "vllm", "endpoint_url": "http://elsewhere:8000"},
        {"provider": "vllm", "endpoint_url": "https://gpu:8000"},
        {"provider": "vllm", "endpoint_url": "http://gpu:9000"},
        {"provider": "vllm", "endpoint_url": ""},
        {"provider": "groq", "endpoint_url": ""},
    ],
)
def test_stored_key_goes_to_no_edited_address(
    admin_client: Client,
    make_config: MakeConfig,
    asked: list[BackendSpec],
    what: str,
    values: dict[str, str],
) -> None:
    config = make_config("mine", **HERE, api_key=Secret(KEY))

    html = try_(admin_client, what, config, **values, name="mine")

    assert asked == []
    assert "enter the API key again" in html
    assert not AuditEvent.objects.filter(action__in=[Action.CONFIG_TESTED]).exists()


def test_models_are_offered_for_the_field(admin_client: Client, asked: list[BackendSpec]) -> None:
    html = try_new(admin_client, "models", provider="vllm")

    assert '<datalist id="known-models">' in html
    assert '<option value="&lt;m-1&gt;">' in html
    assert "The service has 2 models." in html


def test_models_are_fetched_before_there_is_a_name_or_a_model(
    admin_client: Client, asked: list[BackendSpec]
) -> None:
    options = {"body": {"p": "{{prompt}}"}, "text_path": "t"}
    values = {"provider": "http-generic", "endpoint_url": "http://gpu:8000", "options": options}

    html = try_new(admin_client, "models", name="", model_name="", **values)

    assert "The service has 2 models." in html


def test_models_of_a_provider_that_has_no_list_say_so(admin_client: Client) -> None:
    options = {"body": {"p": "{{prompt}}"}, "text_path": "t"}
    values = {"provider": "http-generic", "endpoint_url": "http://127.0.0.1:9", "options": options}

    assert "no route that lists its models" in try_new(admin_client, "models", **values)


@pytest.mark.parametrize("what", ["test", "models"])
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"provider": "groq"}, "An API key is required."),
        ({"provider": "vllm", "endpoint_url": "gpu"}, "Endpoint URL"),
        ({"provider": "vllm", "endpoint_url": "http://169.254.169.254"}, "169.254.169.254"),
        ({"timeout_seconds": 5}, "10"),
        ({"parameters": {"temperature": 9}}, "temperature"),
        ({"provider": "nonesuch"}, "nonesuch"),
        ({"provider": ""}, "Provider"),
    ],
)
def test_input_is_judged_as_for_saving_before_anything_is_asked(
    admin_client: Client, asked: list[BackendSpec], what: str, values: dict[str, Any], text: str
) -> None:
    html = try_new(admin_client, what, **values)

    assert "Nothing was asked" in html
    assert text in html
    assert asked == []


def test_remote_provider_is_not_asked_where_the_policy_forbids_it(
    admin_client: Client, asked: list[BackendSpec], settings: Any
) -> None:
    settings.LLM_ALLOW_REMOTE = False

    assert "Groq is remote" in try_new(admin_client, "test", provider="groq", api_key="gsk_12345")
    assert asked == []


def test_each_time_is_recorded_and_limited(
    admin_client: Client, asked: list[BackendSpec], settings: Any
) -> None:
    settings.PROBES_PER_MINUTE = 2

    try_new(admin_client, "test")
    try_new(admin_client, "models")
    html = try_new(admin_client, "test")

    assert "2 times a minute" in html
    assert len(asked) == 2
    events = AuditEvent.objects.filter(action__in=[Action.CONFIG_TESTED, Action.CONFIG_MODELS_FETCHED])
    assert [event.actor_name for event in events] == ["admin", "admin"]


def test_without_a_script_the_whole_form_comes_back_with_the_input_and_no_key(
    admin_client: Client, make_config: MakeConfig, asked: list[BackendSpec]
) -> None:
    config = make_config("mine", **HERE)
    data = form_data(**HERE, name="mine", model_name="edited", api_key=KEY)

    html = admin_client.post(url(TRY, config.pk, "test"), data).content.decode()

    assert "<html" in html
    assert "The service answers." in html
    assert 'value="edited"' in html
    assert f'action="{url(CHANGE, config.pk)}"' in html
    assert KEY not in html
    assert LLMConfig.objects.get().model_name == ""


def test_without_a_script_errors_stand_at_their_fields(admin_client: Client) -> None:
    html = try_new(admin_client, "test", headers=None, timeout_seconds=5)

    assert "errorlist" in html
    assert "Please correct the error below." in html


def test_looking_at_the_address_leads_to_the_form(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config()

    assert admin_client.get(url(TRY, config.pk, "test")).headers["Location"] == url(CHANGE, config.pk)
    assert admin_client.post(url(TRY, config.pk, "nonesuch")).status_code == 302
    assert admin_client.post(url(TRY, 999, "test")).status_code == 404


@pytest.mark.parametrize("permissions", [(), ("view",), ("view", "add"), ("view", "activate", "approve")])
def test_who_may_not_change_a_row_tries_none(
    client_with: ClientWith, make_config: MakeConfig, asked: list[BackendSpec], permissions: tuple[str, ...]
) -> None:
    config = make_config("mine")
    client = client_with(*permissions)

    for what in ("test", "models"):
        assert client.post(url(TRY, config.pk, what), form_data(name="mine")).status_code == 403

    assert asked == []


def test_who_may_add_tries_a_new_row_and_who_may_not_does_not(
    client_with: ClientWith, asked: list[BackendSpec]
) -> None:
    adder, changer = client_with("add"), client_with("view", "change")

    assert adder.post(url(TRY_NEW, "test"), form_data()).status_code == 200
    assert changer.post(url(TRY_NEW, "test"), form_data()).status_code == 403
    assert len(asked) == 1


def test_stranger_is_sent_to_the_login(client: Client, make_config: MakeConfig) -> None:
    response = client.post(url(TRY, make_config().pk, "test"), form_data())

    assert "/login/" in response.headers["Location"]
