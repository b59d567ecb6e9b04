from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient, Client

from llmconfigs.models import LLMConfig
from tests import servers
from tests.asyncio_support import run_async

from .conftest import MakeConfig
from .pages import ACTIVATE, CHANGELIST, DEACTIVATE, messages, run_action, url


def active_names() -> list[str]:
    return [config.name for config in LLMConfig.objects.active()]


def test_activate_leads_to_the_page_that_asks(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("former", is_active=True)
    later = make_config("later")

    response = run_action(admin_client, "activate", later)

    assert response.redirect_chain == [(url(ACTIVATE, later.pk), 302)]  # type: ignore[attr-defined]
    assert active_names() == ["former"]


def test_activate_takes_exactly_one_row(admin_client: Client, make_config: MakeConfig) -> None:
    response = run_action(admin_client, "activate", make_config("a"), make_config("b"))

    assert active_names() == []
    assert messages(response) == ["Select exactly one configuration to activate."]


def test_deactivate_leads_to_the_page_that_asks(admin_client: Client, make_config: MakeConfig) -> None:
    active, other = make_config("active", is_active=True), make_config("other")

    response = run_action(admin_client, "deactivate", active, other)

    assert response.redirect_chain == [(url(DEACTIVATE, active.pk), 302)]  # type: ignore[attr-defined]
    assert active_names() == ["active"]


def test_deactivate_says_that_nothing_was_active(admin_client: Client, make_config: MakeConfig) -> None:
    response = run_action(admin_client, "deactivate", make_config())

    assert messages(response) == ["None of the selected configurations was active."]


def test_connection_test_reports_success_with_its_time(admin_client: Client, make_config: MakeConfig) -> None:
    [message] = messages(run_action(admin_client, "test_connection", make_config("mine")))

    assert message.startswith("mine: The connection works (0.0")


def test_connection_test_reports_why_each_fails(admin_client: Client, make_config: MakeConfig) -> None:
    address = f"http://127.0.0.1:{servers.free_port()}"
    configs = [
        make_config("a-refused", provider="ollama", endpoint_url=address),
        make_config("b-keyless", provider="groq"),
        make_config("c-unknown", provider="nonesuch"),
        make_config("d-failing", options={"fail": "check"}),
        make_config("e-no-file", provider="local-llm", options={"model_path": "/nonesuch/model.gguf"}),
    ]

    found = messages(run_action(admin_client, "test_connection", *configs))

    assert [message.split(":")[0] for message in found] == [config.name for config in configs]
    assert address in found[0]
    assert "An API key is required" in found[1]
    assert "nonesuch" in found[2]
    assert "/nonesuch/model.gguf" in found[4]


def test_connection_test_is_limited(admin_client: Client, make_config: MakeConfig, settings: Any) -> None:
    settings.PROBES_PER_MINUTE = 2
    configs = [make_config(name) for name in "abc"]

    found = messages(run_action(admin_client, "test_connection", *configs))

    assert "The connection works" in found[1]
    assert "2 times a minute" in found[2]


def test_connection_test_obeys_the_policy(
    admin_client: Client, make_config: MakeConfig, settings: Any
) -> None:
    config = make_config("remote", provider="groq")
    settings.LLM_ALLOW_REMOTE = False

    [message] = messages(run_action(admin_client, "test_connection", config))

    assert "Groq is remote" in message


@pytest.mark.parametrize("action", ["activate", "deactivate", "test_connection"])
def test_selection_of_nothing_does_nothing(
    admin_client: Client, action: str, make_config: MakeConfig
) -> None:
    make_config(is_active=True)

    run_action(admin_client, action)

    assert active_names() == ["example"]


@pytest.mark.django_db(transaction=True)
def test_connection_test_works_in_an_async_server(make_config: MakeConfig) -> None:
    user = User.objects.create_superuser("admin")
    config = make_config("mine")
    client = AsyncClient()

    async def scenario() -> Any:
        await client.aforce_login(user)
        data = {"action": "test_connection", "_selected_action": [config.pk]}
        response = await client.post(url(CHANGELIST), data, follow=True)
        await sync_to_async(connections.close_all)()  # in the thread that answered
        return response

    [message] = messages(run_async(scenario()))
    assert message.startswith("mine: The connection works")
