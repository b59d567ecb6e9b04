from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from llmbackends.secret import Secret
from llmconfigs.models import ActivationRequest, LLMConfig

from .conftest import ClientWith, MakeConfig
from .pages import (
    ACTIVATE,
    ADD,
    CHANGE,
    CHANGELIST,
    CLONE,
    DEACTIVATE,
    DECIDE,
    DELETE,
    PROCESSES,
    REQUEST,
    REQUESTS,
    ROLL_BACK,
    SWITCHED,
    confirm,
    form_data,
    run_action,
    url,
)

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


def test_editor_may_neither_activate_nor_delete(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with("view", "change"), make_config()

    run_action(client, "activate", config)

    assert client.get(url(ACTIVATE, config.pk)).status_code == 403
    assert client.get(url(DELETE, config.pk)).status_code == 403
    assert url(ACTIVATE, config.pk) not in client.get(url(CHANGE, config.pk)).content.decode()


PAGES = (ACTIVATE, DEACTIVATE, CLONE, REQUEST)
PAGES_OF_ALL = (ROLL_BACK, SWITCHED, PROCESSES, REQUESTS)


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ((), set()),
        (("activate", "approve", "add"), set()),  # who may not see the rows
        (("view",), {SWITCHED, PROCESSES, REQUESTS}),
        (("view", "change", "delete"), {SWITCHED, PROCESSES, REQUESTS}),
        (("view", "approve"), {SWITCHED, PROCESSES, REQUESTS}),
        (("view", "add"), {SWITCHED, PROCESSES, REQUESTS, CLONE}),
        (("view", "activate"), {*PAGES_OF_ALL, ACTIVATE, DEACTIVATE, REQUEST}),
    ],
)
def test_each_page_is_for_those_who_may(
    client_with: ClientWith, make_config: MakeConfig, permissions: tuple[str, ...], allowed: set[str]
) -> None:
    client, config = client_with(*permissions), make_config(is_active=True)
    pages = {**{page: url(page, config.pk) for page in PAGES}, **{page: url(page) for page in PAGES_OF_ALL}}

    got = {page for page, address in pages.items() if client.get(address).status_code != 403}
    posted = {page for page, address in pages.items() if client.post(address, {}).status_code != 403}

    assert got == allowed
    assert posted == allowed
    assert LLMConfig.objects.count() == 1
    assert LLMConfig.objects.active().exists()


def test_stranger_is_sent_to_the_login_from_each_page(client: Client, make_config: MakeConfig) -> None:
    config = make_config()
    addresses = [*(url(page, config.pk) for page in PAGES), *map(url, PAGES_OF_ALL), url(DECIDE, 1)]

    assert all("/login/" in client.post(address).headers["Location"] for address in addresses)


def test_user_without_staff_rights_is_refused_whatever_else_he_may(make_config: MakeConfig) -> None:
    user = User.objects.create_user("no-staff")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="llmconfigs"))
    client = Client()
    client.force_login(user)

    response = client.post(url(ACTIVATE, make_config().pk), {}, follow=True)

    assert response.status_code in (200, 403)
    assert not LLMConfig.objects.active().exists()


def test_active_row_is_changed_by_those_alone_who_may_activate(
    client_with: ClientWith, make_config: MakeConfig
) -> None:
    config = make_config("mine", is_active=True)
    editor, operator = client_with("view", "change"), client_with("view", "change", "activate")
    data = form_data(name="mine", model_name="m")

    shown = editor.get(url(CHANGE, config.pk)).content.decode()
    refused, accepted = editor.post(url(CHANGE, config.pk), data), operator.post(url(CHANGE, config.pk), data)

    assert "only who may activate configurations changes it" in shown
    assert (refused.status_code, accepted.status_code) == (403, 302)
    assert LLMConfig.objects.get().model_name == "m"


def test_active_row_is_deleted_by_those_alone_who_may_activate(
    client_with: ClientWith, make_config: MakeConfig
) -> None:
    active, other = make_config("active", is_active=True), make_config("other")
    deleter, operator = client_with("view", "delete"), client_with("view", "delete", "activate")

    refused = deleter.post(url(DELETE, active.pk), {"post": "yes"})
    run_action(deleter, "delete_selected", active, other, post="yes")
    assert refused.status_code == 403
    assert LLMConfig.objects.count() == 2

    run_action(operator, "delete_selected", active, other, post="yes")
    assert not LLMConfig.objects.exists()


MACHINE_FIELDS = {
    "is_active": "on",
    "version": "99",
    "edited_by_id": "1",
    "edited_by_name": "somebody else",
    "editors": "[]",
    "created_at": "2001-01-01",
    "updated_at": "2001-01-01",
    "id": "77",
    "pk": "77",
}


def test_form_takes_no_field_of_the_machine_s(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with("view", "add", "change"), make_config("mine")

    client.post(url(CHANGE, config.pk), form_data(name="mine", model_name="m", **MACHINE_FIELDS))
    client.post(url(ADD), form_data(name="new", **MACHINE_FIELDS))

    assert not LLMConfig.objects.active().exists()
    changed, added = LLMConfig.objects.get(name="mine"), LLMConfig.objects.get(name="new")
    assert (changed.version, added.version) == (2, 1)
    assert added.pk != 77
    for row in (changed, added):
        assert row.edited_by_name == "staff-view-add-change"
        assert [each["name"] for each in row.editors] == ["staff-view-add-change"]
        assert row.created_at.year > 2001


def test_request_takes_nothing_but_a_reason(
    client_with: ClientWith, make_config: MakeConfig, settings: Any
) -> None:
    settings.ACTIVATION_NEEDS_TWO = True
    client, config = client_with("view", "activate"), make_config("mine")
    forged = {
        "requested_by_id": "1",
        "requested_by_name": "x",
        "state": "approved",
        "expires_at": "2099-01-01",
    }

    confirm(client, REQUEST, config.pk, reason="Mine.", config_version="7", **forged)

    request = ActivationRequest.objects.get()
    assert (request.state, request.requested_by_name) == ("pending", "staff-view-activate")
    assert (request.config_version, request.reason) == (1, "Mine.")
    assert request.expires_at.year < 2099


def test_adder_may_add_and_not_change(client_with: ClientWith, make_config: MakeConfig) -> None:
    client, config = client_with("add"), make_config()

    added = client.post(url(ADD), form_data(name="new"))

    assert added.status_code == 302
    assert client.get(url(CHANGE, config.pk)).status_code == 403
