from __future__ import annotations

import pytest
from django.test import Client

from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig

from .conftest import ClientWith, MakeConfig
from .pages import ADD, CHANGE, CHANGELIST, DELETE, form_data, run_action, url

KEY = "sk-marker-0123456789wxyz"


def test_stranger_is_sent_to_the_login(client: Client, make_config: MakeConfig) -> None:
    config = make_config()

    for page in (url(CHANGELIST), url(ADD), url(CHANGE, config.pk), url(DELETE, config.pk)):
        assert "/login/" in client.get(page).headers["Location"]


def test_staff_without_permission_sees_nothing(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with(), make_config()

    for page in (url(CHANGELIST), url(ADD), url(CHANGE, config.pk), url(DELETE, config.pk)):
        assert client.get(page).status_code == 403


def test_viewer_sees_the_row_and_no_way_to_change_it(
    client_with: ClientWith, make_config: MakeConfig
) -> None:
    client, config = client_with("view"), make_config(provider="vllm", api_key=Secret(KEY))

    html = client.get(url(CHANGE, config.pk)).content.decode()

    assert "vllm" in html
    assert all(text not in html for text in ("clear_api_key", 'type="password"', KEY, "wxyz", "gAAAA"))


def test_viewer_cannot_save(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with("view"), make_config(provider="vllm", api_key=Secret(KEY))

    response = client.post(url(CHANGE, config.pk), form_data(provider="vllm", clear_api_key="on"))

    assert response.status_code == 403
    assert LLMConfig.objects.get().api_key


@pytest.mark.parametrize("action", ["activate", "deactivate", "test_connection", "delete_selected"])
def test_viewer_is_offered_no_action_and_can_run_none(
    client_with: ClientWith, make_config: MakeConfig, action: str
) -> None:
    client, active, other = client_with("view"), make_config("active", is_active=True), make_config("other")

    html = client.get(url(CHANGELIST)).content.decode()
    run_action(client, action, active, post="yes")
    run_action(client, action, other, post="yes")

    assert f'value="{action}"' not in html
    assert [config.name for config in LLMConfig.objects.active()] == ["active"]
    assert LLMConfig.objects.count() == 2


def test_editor_may_activate_and_not_delete(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with("view", "change"), make_config()

    run_action(client, "activate", config)

    assert LLMConfig.objects.active().exists()
    assert client.get(url(DELETE, config.pk)).status_code == 403


def test_adder_may_add_and_not_change(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with("add"), make_config()

    added = client.post(url(ADD), form_data(name="new"))

    assert added.status_code == 302
    assert client.get(url(CHANGE, config.pk)).status_code == 403
